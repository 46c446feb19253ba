"""Populations from known truth, image by image, where means and mean squares do not say it all: right or wrong.

Model k of a method is right about image i under setting j when
`a_j + m u_kj + e v_i + c w_ij + z_kij > 0`, with u, v, w and z standard normal: u are better and worse models, v hard
and easy images, the same for all methods, w what an image does to one method only; u and w are alike in all settings of
a method by half of their variance. So a setting is right with probability `Phi(a_j / sqrt(m^2 + e^2 + c^2 + 1))`, and
every true number is known.

Shapes: K models, N images, J settings: dense first, then the sparsities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from bench.interval_coverage import DENSE_STRENGTH, SPARSITIES, STRENGTHS_J, holds
from benchmark.scoring.metric import CellView, GridView, Population
from benchmark.scoring.metric_names import (
    CLASSES_HIT,
    PROBE_PREDICTION,
    ROBUSTNESS_DENSE,
    ROBUSTNESS_KNOWLEDGE_KEPT,
    ROBUSTNESS_SCORE,
)
from benchmark.scoring.metrics import class_impact, robustness
from benchmark.scoring.score_math import area_over_compression, chance_corrected
from benchmark.scoring.statistics.class_changes import class_changes
from benchmark.scoring.statistics.models_and_images import difference_of, population_of
from benchmark.spec import BenchmarkSpec, BootstrapSpec, Evaluation

Right = NDArray[np.bool_]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

CLASSES = 10
MODELS_SPREAD, IMAGES_SPREAD, OWN_SPREAD, HALF = 0.08, 1.0, 0.5, np.float32(np.sqrt(0.5))
"""m, e and c, and the factor of each of two halves of a variance."""
FLOOR_STRENGTH = -1.0
"""How strong untrained encoders are."""


@dataclass(frozen=True)
class Counts:
    """K models and N test images, and how much models differ: m."""

    models: int
    images: int
    spread: float = MODELS_SPREAD


def _probability(strength: Doubles, models_spread: float) -> Doubles:
    spread = np.sqrt(models_spread**2 + IMAGES_SPREAD**2 + OWN_SPREAD**2 + 1)
    return np.asarray(norm.cdf(strength / spread))


def strength_of(probability: float) -> float:
    """Return the strength at which a setting is right with this probability."""
    spread = np.sqrt(MODELS_SPREAD**2 + IMAGES_SPREAD**2 + OWN_SPREAD**2 + 1)
    return float(norm.ppf(probability) * spread)


def _draw(counts: Counts, hard_N: Floats, strengths: Sequence[float | Floats], rng: np.random.Generator) -> list[Right]:
    """Draw who is right, (K, N) per setting; a strength is one number or one per image."""

    def normal(*shape: int) -> Floats:
        return rng.standard_normal(shape, np.float32)

    quality_K, own_N = normal(counts.models), normal(counts.images)
    found: list[Right] = []
    for strength in strengths:
        models_K = np.float32(counts.spread) * HALF * (quality_K + normal(counts.models))
        images_N = np.float32(IMAGES_SPREAD) * hard_N + np.float32(OWN_SPREAD) * HALF * (own_N + normal(counts.images))
        noise_KN = normal(counts.models, counts.images)
        found.append(noise_KN + models_K[:, None] > -(images_N + np.asarray(strength, np.float32)))
    return found


def difference_covered(counts: Counts, rng: np.random.Generator) -> bool:
    """Draw two methods that are truly equal, and say whether the interval of their difference contains 0."""
    hard_N = rng.standard_normal(counts.images, np.float32)
    strengths_J = (DENSE_STRENGTH, *STRENGTHS_J.tolist())
    mine, theirs = (_draw(counts, hard_N, strengths_J, rng) for _ in range(2))
    score, other = (population_of([_corrected(_area(right))]) for right in (mine, theirs))
    return holds(difference_of(score, other).interval(0.95), 0.0)


def recorded_covered(counts: Counts, rng: np.random.Generator, collapsing: float = 0.0) -> dict[str, bool]:
    """Draw a method and untrained encoders, and say which intervals that a record holds contain the truth.

    Args:
        counts: K and N.
        rng: of the draw.
        collapsing: share of seeds that collapse to guessing, before any pruning. The truth is of all seeds then.
    """
    hard_N = rng.standard_normal(counts.images, np.float32)
    strengths_J = (DENSE_STRENGTH, *STRENGTHS_J.tolist())
    drawn = _draw(counts, hard_N, strengths_J, rng)
    collapsed_K = rng.random(counts.models) < collapsing
    for right_KN in drawn:
        right_KN[collapsed_K] = rng.random((int(collapsed_K.sum()), counts.images)) < 1 / CLASSES
    dense, *pruned = (Population({}, {PROBE_PREDICTION: (~right).astype(np.uint8)}) for right in drawn)
    cells = {("late", sparsity): each for sparsity, each in zip(SPARSITIES, pruned, strict=True)}
    (floor_KN,) = _draw(counts, hard_N, [FLOOR_STRENGTH], rng)
    grid = GridView(dense, cells, ("late",), SPARSITIES, np.zeros(counts.images, np.int64), CLASSES, floor_KN)
    evaluation = Evaluation(bootstrap=BootstrapSpec(draws=1000))
    found = robustness.METRIC.measure(grid, evaluation)
    true_J = (1 - collapsing) * _probability(np.array(strengths_J), counts.spread) + collapsing / CLASSES
    dense, area = float(true_J[0]), float(_area(true_J))
    floor = float(_probability(np.array(FLOOR_STRENGTH), counts.spread))
    truth = {
        ROBUSTNESS_SCORE: chance_corrected(area, 1 / CLASSES), ROBUSTNESS_DENSE: chance_corrected(dense, 1 / CLASSES),
        ROBUSTNESS_KNOWLEDGE_KEPT: (area - floor) / (dense - floor),
    }  # fmt: skip
    return {name: holds(found[name], each) for name, each in truth.items()}


def _area(settings: Any) -> Doubles:
    return area_over_compression(SPARSITIES, np.stack(settings[1:]))


def _corrected(correct_KN: Doubles) -> Doubles:
    return chance_corrected(correct_KN, 1 / CLASSES)


def class_hits(
    counts: Counts, dense: float, pruned: float, worst: float, spec: BenchmarkSpec, rng: np.random.Generator
) -> int:
    """Draw models before and after pruning, and test every class.

    Args:
        counts: K and N, images of 10 classes in turn.
        dense: true accuracy of every class before pruning.
        pruned: afterwards.
        worst: afterwards, of class 0.
        spec: says at which level classes are tested.
        rng: of the draw.

    Returns:
        How many classes are called hit.
    """
    labels_N = np.arange(counts.images) % CLASSES
    hard_N = rng.standard_normal(counts.images, np.float32)
    after_N = np.where(labels_N == 0, strength_of(worst), strength_of(pruned)).astype(np.float32)
    before, after = (
        Population({}, {PROBE_PREDICTION: np.where(right_KN, labels_N, (labels_N + 1) % CLASSES)})
        for right_KN in _draw(counts, hard_N, [strength_of(dense), after_N], rng)
    )
    view = CellView("one-shot", Decimal("0.9"), before, after, labels_N, CLASSES)
    return int(class_impact.METRIC.measure(view, spec.evaluation)[CLASSES_HIT].value or 0)


def record_hits(counts: Counts, cells: int, extra: float, rng: np.random.Generator) -> tuple[bool, bool, bool]:
    """Draw a whole record, whose dense models and pruned cells are right about an image with probability .9 and .85.

    Args:
        counts: K and N, images of 10 classes in turn.
        cells: how many pruned cells it has.
        extra: how much more class 0 loses, in the last cell only.
        rng: of the draw.

    Returns:
        Whether any class of the record is hit among all classes of all cells; whether any is in its cell alone, as
        records count; whether class 0 of the last cell is hit among all.
    """
    labels_N = np.arange(counts.images) % CLASSES
    hard_N = rng.standard_normal(counts.images, np.float32)
    last_N = np.where(labels_N == 0, strength_of(0.85 - extra), strength_of(0.85)).astype(np.float32)
    dense_KN, *pruned = _draw(counts, hard_N, [strength_of(0.9), *[strength_of(0.85)] * (cells - 1), last_N], rng)
    found = [class_changes(dense_KN, each_KN, labels_N, CLASSES) for each_KN in pruned]
    together = [each.lost_more(each.corrected_over(cells)) for each in found]
    alone = any(bool(each.hits.any()) for each in found)
    return any(bool(each.any()) for each in together), alone, bool(together[-1][0])
