"""Two submissions on the same test images: the difference over models only, and common PIEs.

Pure. It knows no record and no page. Differences over models and images are
`benchmark.scoring.statistics.models_and_images`.

Shapes: K and L models of the two submissions, N test images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.score_math import FEWEST_MODELS, jaccard_by_chance, t_quantile
from benchmark.scoring.statistics.models_and_images import ROUNDING
from leaderboard.board.estimates import IntervalEstimate

Doubles = NDArray[np.float64]

@dataclass(frozen=True)
class Overlap:
    """Common PIEs of two cells: sizes of both sets and of their intersection, and what chance would give."""

    first: int
    second: int
    common: int
    num_examples: int

    @property
    def jaccard(self) -> float | None:
        """Intersection over union in [0, 1]; None where both sets are empty."""
        union = self.first + self.second - self.common
        return self.common / union if union else None

    @property
    def jaccard_by_chance(self) -> float | None:
        """Mean of the same over sets of these sizes that are drawn independently; None where both sets are empty."""
        if not self.first + self.second:
            return None
        return jaccard_by_chance(self.first, self.second, self.num_examples)


def welch_difference(first_K: Doubles, second_L: Doubles, confidence: float) -> IntervalEstimate:
    """Difference of means over models with Welch's t interval; the test examples are taken as fixed.

    Fewer than `FEWEST_MODELS` models are too few for an interval: its bounds are infinite.
    """
    value = float(first_K.mean() - second_L.mean())
    if min(len(first_K), len(second_L)) < FEWEST_MODELS:
        return IntervalEstimate(value, -math.inf, math.inf)
    parts = [samples.var(ddof=1) / len(samples) for samples in (first_K, second_L)]
    error = math.sqrt(sum(parts))
    if error < ROUNDING:
        return IntervalEstimate(value, value, value)
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(samples) - 1) for part, samples in zip(parts, (first_K, second_L), strict=True)
    )
    half = t_quantile(freedom, confidence) * error
    return IntervalEstimate(value, value - half, value + half)


def overlap(first_N: NDArray[np.bool_], second_N: NDArray[np.bool_]) -> Overlap:
    """Count common members of two sets of examples, given as masks."""
    return Overlap(int(first_N.sum()), int(second_N.sum()), int((first_N & second_N).sum()), len(first_N))


def weighted(statistics_KN: Sequence[Doubles], weights: Sequence[float]) -> Doubles:
    """Combine outcomes of several cells of the same models into one outcome per model and example."""
    total = np.zeros_like(statistics_KN[0])
    for outcome_KN, weight in zip(statistics_KN, weights, strict=True):
        total += weight * outcome_KN
    return total
