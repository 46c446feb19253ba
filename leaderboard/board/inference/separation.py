"""Who is separated from whom in a ranking, all pairs at one error rate. Pure.

Scores whose evidence is at hand are compared over models and test images (`models_and_images.py`), under Holm's method.
Of other numbers a record holds intervals only: there two are separated when they are further apart than the interval
of a difference of two unrelated numbers that is wide enough for all pairs together (Bonferroni).

Shapes: n submissions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from benchmark.scoring.statistics.models_and_images import all_differences
from benchmark.scoring.statistics.simultaneous_ranks import Flags, ahead, holm
from leaderboard.board.inference.evidence import Evidence

Doubles = NDArray[np.float64]


MOST_FREEDOM = 1000
"""Degrees of freedom that are not told apart from more."""


def by_evidence(evidence: Sequence[Evidence], confidence: float) -> Flags:
    """Separate robustness scores over models and images, bool (n, n): `[i, j]` says that i is ahead of j.

    Args:
        evidence: of n submissions on the same images; higher is better.
        confidence: that nothing that is said is wrong.
    """
    pairs = all_differences([each.score for each in evidence])
    return ahead(pairs.value_M, holm(pairs.p_M), len(evidence), 1 - confidence)


def by_intervals(
    value_n: Doubles, low_n: Doubles, high_n: Doubles, num_models_n: NDArray[np.int64], confidence: float
) -> Flags:
    """Separate numbers by the intervals that records hold, bool (n, n): `[i, j]` says that i is ahead of j.

    i is ahead of j where `value_i - value_j > f sqrt((value_i - low_i)^2 + (high_j - value_j)^2)`. f is how much wider
    than for one number the interval has to be for all pairs: a ratio of quantiles of Student's t, with Welch's degrees
    of freedom, or of the normal distribution, whichever is larger. Numbers without an interval are known exactly.

    Args:
        value_n: float64 (n,), higher is better.
        low_n: lower bounds of the interval of each at this confidence.
        high_n: upper bounds.
        num_models_n: int64 (n,), over how many models each is a mean.
        confidence: that nothing that is said is wrong.
    """
    num_pairs = max(len(value_n) * (len(value_n) - 1) // 2, 1)
    down_n, up_n = (value_n - low_n) ** 2, (high_n - value_n) ** 2
    squares_nn = down_n[:, None] + up_n
    freedom_n = np.maximum(num_models_n - 1, 1)
    below_nn = down_n[:, None] ** 2 / freedom_n[:, None] + up_n**2 / freedom_n
    fewest_nn = np.minimum(freedom_n[:, None], freedom_n)
    welch_nn = np.divide(squares_nn**2, below_nn, out=fewest_nn.astype(np.float64), where=below_nn > 0)
    one, all_pairs = (1 + confidence) / 2, 1 - (1 - confidence) / (2 * num_pairs)
    factor_nn = _quantiles(np.floor(welch_nn + 1e-9), all_pairs) / _quantiles(fewest_nn, one)
    factor_nn = np.where(fewest_nn >= MOST_FREEDOM, 0.0, factor_nn)
    normal = float(stdtrit(np.inf, all_pairs) / stdtrit(np.inf, one))
    return value_n[:, None] - value_n > np.maximum(factor_nn, normal) * np.sqrt(squares_nn)


def _quantiles(freedom: NDArray[np.number], probability: float) -> Doubles:
    """Return quantiles of Student's t; of whole degrees of freedom, so that one short table serves all pairs."""
    most = int(min(freedom.max(initial=1), MOST_FREEDOM))
    known = stdtrit(np.arange(1.0, most + 1), probability)
    return known[np.minimum(freedom, most).astype(np.int64) - 1]
