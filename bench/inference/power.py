"""Power advice on known truth: what the advised number of models finds, and how often there is advice without a gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.inference.boards import Truth, draw
from benchmark.scoring.statistics.models_and_images import Population, population_of
from benchmark.scoring.statistics.power import advise, models_needed

LEVEL = 0.05
WANTED_MODELS = 14
"""The gap is chosen so that about this many models find it."""


def _population(truth: Truth, sign_N: NDArray[np.float64]) -> Population:
    """Return one method with its variances as they truly are, K of `truth`."""
    spread, K, N = truth.spread, truth.models, truth.images
    rest = spread.rest**2 / (K * N)
    images_N = sign_N * np.sqrt((spread.images**2 / N + rest) / N)
    return Population(0.0, K, spread.models**2 / K + rest, rest, images_N)


def found_with_advice(truth: Truth, boards: int, rng: np.random.Generator) -> tuple[float, int]:
    """Return how often the number of models advised from the true values finds the gap, and that number."""
    signs_2N = np.where(np.arange(truth.images) // np.array([[1], [2]]) % 2, 1.0, -1.0)
    first, second = (_population(truth, sign_N) for sign_N in signs_2N)
    at_wanted = replace(truth, models=WANTED_MODELS)
    gap = 2.95 * at_wanted.error
    needed = models_needed(gap, first, second, LEVEL)
    if needed is None:
        raise ValueError(f"expected a gap that some number of models finds, got {gap}")
    known = replace(truth, models=needed)
    known = replace(known, ahead_n=(gap / known.error, 0.0))
    p = np.concatenate([each.pairs.p_M[:, 0] for each in draw(known, boards, rng)])
    return float(np.mean(p <= LEVEL)), needed


def advised(truth: Truth, boards: int, rng: np.random.Generator) -> float:
    """Return how often there is any advice about two equal methods; image by image, with at most 500 images."""
    images, spread = min(truth.images, 500), truth.spread

    def drawn() -> Population:
        noise_KN = spread.rest * rng.normal(size=(truth.models, images))
        models_K1 = spread.models * rng.normal(size=(truth.models, 1))
        return population_of([models_K1 + spread.images * rng.normal(size=images) + noise_KN])

    return float(np.mean([advise(drawn(), drawn(), 1 - LEVEL, LEVEL) is not None for _ in range(boards)]))
