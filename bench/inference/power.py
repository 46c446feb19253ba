"""Power advice on known truth: what the advised number of models finds, and how often there is advice without a gap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.inference.boards import Truth, draw
from benchmark.scoring.statistics.models_and_images import Population, population_of
from benchmark.scoring.statistics.power import PowerAdvice, advise, models_needed

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
    gap, needed = _gap(truth)
    known = replace(truth, models=needed)
    known = replace(known, ahead_n=(gap / known.error, 0.0))
    p = np.concatenate([each.pairs.p_M[:, 0] for each in draw(known, boards, rng)])
    return float(np.mean(p <= LEVEL)), needed


def _gap(truth: Truth) -> tuple[float, int]:
    """Return a true gap and the number of models that finds it, by the true values."""
    signs_2N = np.where(np.arange(truth.images) // np.array([[1], [2]]) % 2, 1.0, -1.0)
    first, second = (_population(truth, sign_N) for sign_N in signs_2N)
    at_wanted = replace(truth, models=WANTED_MODELS)
    gap = 2.95 * at_wanted.error
    needed = models_needed(gap, first, second, LEVEL)
    if needed is None:
        raise ValueError(f"expected a gap that some number of models finds, got {gap}")
    return gap, needed


def advised(truth: Truth, boards: int, rng: np.random.Generator) -> float:
    """Return how often there is any advice about two equal methods, drawn image by image."""
    return float(np.mean([_advice(truth, 0.0, rng) is not None for _ in range(boards)]))


def advice_bounds(truth: Truth, boards: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return how often there is advice about a true gap, and how often its bounds hold the number truly needed then."""
    gap, needed = _gap(truth)
    found = [advice for _ in range(boards) if (advice := _advice(truth, gap, rng))]
    inside = [(each.fewest or np.inf) <= needed <= (each.most or np.inf) for each in found]
    return len(found) / boards, float(np.mean(inside)) if inside else float("nan")


def _advice(truth: Truth, gap: float, rng: np.random.Generator) -> PowerAdvice | None:
    """Draw two methods of which the first leads by a true gap, and advise."""
    spread, shape = truth.spread, (truth.models, truth.images)

    def drawn() -> Population:
        models_K1 = spread.models * rng.normal(size=(truth.models, 1))
        images_N = spread.images * rng.normal(size=truth.images)
        return population_of([models_K1 + images_N + spread.rest * rng.standard_normal(shape, np.float32)])

    first, second = drawn(), drawn()
    return advise(replace(first, value=first.value + gap), second, 1 - LEVEL, LEVEL)
