"""Two submissions on the same test examples: differences with paired intervals, common PIEs, and what it would take.

Pure. It knows no record and no page.

Shapes: K and L models of the two submissions, N test examples, S statistics, R draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from benchmark.scoring.score_math import t_quantile
from leaderboard.board.estimates import IntervalEstimate

Doubles = NDArray[np.float64]

FEW_MODELS = 30
"""Below this many models the bootstrap is too narrow, so the wider of it and the t interval is shown."""
MAX_MODELS = 1000
_CHUNK = 250


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
        """The same if sets of these sizes were drawn independently: expected intersection n1 n2 / N."""
        common = self.first * self.second / self.num_examples
        union = self.first + self.second - common
        return common / union if union else None


def paired_draws(first_SKN: Doubles, second_SLN: Doubles, draws: int, seed: int = 0) -> Doubles:
    """Bootstrap the difference of means: the same resampled examples for both, models of each resampled on their own.

    Args:
        first_SKN: outcomes of the first submission.
        second_SLN: outcomes of the second, same statistics and examples.
        draws: R.
        seed: of the resampling.

    Returns:
        float64 (R, S): mean of first minus mean of second, per draw.
    """
    num_statistics, _, num_examples = first_SKN.shape
    stream = np.random.default_rng(seed)
    made = [np.empty((0, num_statistics))]
    for start in range(0, draws, _CHUNK):
        count = min(_CHUNK, draws - start)
        index = stream.integers(0, num_examples, size=(count, num_examples))
        weights_BN = np.stack([np.bincount(row, minlength=num_examples) for row in index]) / num_examples
        made.append(_means(first_SKN, weights_BN, stream) - _means(second_SLN, weights_BN, stream))
    return np.concatenate(made)


def difference(first_KN: Doubles, second_LN: Doubles, draws_R: Doubles, confidence: float) -> IntervalEstimate:
    """Difference of means with the percentile interval of paired draws, widened by Welch's t below `FEW_MODELS`."""
    value = float(first_KN.mean() - second_LN.mean())
    tail = (1 - confidence) / 2
    low, high = (float(bound) for bound in np.quantile(draws_R, [tail, 1 - tail]))
    if min(len(first_KN), len(second_LN)) < FEW_MODELS:
        welch = welch_difference(first_KN.mean(axis=1), second_LN.mean(axis=1), confidence)
        if welch.width > high - low:
            return welch
    return IntervalEstimate(value, min(low, value), max(high, value))


def welch_difference(first_K: Doubles, second_L: Doubles, confidence: float) -> IntervalEstimate:
    """Difference of means over models with Welch's t interval; the test examples are taken as fixed."""
    value = float(first_K.mean() - second_L.mean())
    if min(len(first_K), len(second_L)) < 2:
        return IntervalEstimate(value, -math.inf, math.inf)
    parts = [samples.var(ddof=1) / len(samples) for samples in (first_K, second_L)]
    error = math.sqrt(sum(parts))
    if error == 0:
        return IntervalEstimate(value, value, value)
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(samples) - 1) for part, samples in zip(parts, (first_K, second_L), strict=True)
    )
    half = t_quantile(freedom, confidence) * error
    return IntervalEstimate(value, value - half, value + half)


def models_to_separate(first_K: Doubles, second_L: Doubles, confidence: float) -> int | None:
    """How many models per submission would separate them, if the difference and the spreads stayed as they are.

    The smallest n whose Welch half-width `t sqrt((v1 + v2) / n)` is below the observed difference; None where more
    than `MAX_MODELS` would be needed. Test examples are taken as fixed.
    """
    gap = abs(float(first_K.mean() - second_L.mean()))
    variance = float(first_K.var(ddof=1) + second_L.var(ddof=1))
    counts = np.arange(2, MAX_MODELS + 1)
    halves = stdtrit(2 * (counts - 1), (1 + confidence) / 2) * np.sqrt(variance / counts)
    enough = counts[halves < gap]
    return int(enough[0]) if len(enough) else None


def overlap(first_N: NDArray[np.bool_], second_N: NDArray[np.bool_]) -> Overlap:
    """Count common members of two sets of examples, given as masks."""
    return Overlap(int(first_N.sum()), int(second_N.sum()), int((first_N & second_N).sum()), len(first_N))


def weighted(statistics_KN: Sequence[Doubles], weights: Sequence[float]) -> Doubles:
    """Combine outcomes of several cells of the same models into one outcome per model and example."""
    total = np.zeros_like(statistics_KN[0])
    for outcome_KN, weight in zip(statistics_KN, weights, strict=True):
        total += weight * outcome_KN
    return total


def _means(outcomes_SKN: Doubles, weights_BN: Doubles, stream: np.random.Generator) -> Doubles:
    num_statistics, num_models, num_examples = outcomes_SKN.shape
    flat_NF = outcomes_SKN.reshape(-1, num_examples).T
    per_model_BSK = (weights_BN @ flat_NF).reshape(-1, num_statistics, num_models)
    models_BK = stream.multinomial(num_models, np.full(num_models, 1 / num_models), len(weights_BN)) / num_models
    return np.einsum("bsk,bk->bs", per_model_BSK, models_BK)
