"""The one multiplicity plan of a board. Places, claims and comparisons all read it, so that they cannot disagree. Pure.

The family holds every pair of submissions, of both tracks, and every planned test within a submission. Which table or
track is looked at changes nothing (`docs/decisions/0015-inference.md`).

Shapes: M pairs of submissions, W tests within submissions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.statistics.simultaneous_ranks import holm

Doubles = NDArray[np.float64]

SUBMISSIONS_SHARE = 0.8
"""Share of the error that goes to the pairs of submissions, the rest to the tests within submissions. Without it a
board of four submissions spends three quarters of its error on 16 questions about schedules."""


def adjusted(pairs_p: Doubles, within_p: Doubles) -> tuple[Doubles, Doubles]:
    """Adjust the p-values of all planned tests together, by Holm's method with weights.

    Tests that share a share have the same weight; where there is one kind of tests only, it has the whole error.

    Args:
        pairs_p: (..., M), of the pairs of submissions.
        within_p: (..., W), of the tests within submissions; every row is a board.

    Returns:
        The adjusted p-values of both, at most 1: a test holds where its own is at most 1 - confidence.

    Example:
        >>> pairs, within = adjusted(np.array([0.01, 0.5]), np.array([0.01]))
        >>> pairs.round(3).tolist(), within.round(3).tolist()
        ([0.025, 0.5], [0.03])
    """
    num_pairs, num_within = pairs_p.shape[-1], within_p.shape[-1]
    found = holm(np.concatenate([pairs_p, within_p], axis=-1), _weights(num_pairs, num_within))
    return found[..., :num_pairs], found[..., num_pairs:]


def first_level(num_pairs: int, num_within: int, confidence: float) -> float:
    """Return at which level the first pair of a board is tested, which is the strictest: what power advice aims at.

    Args:
        num_pairs: M.
        num_within: W; where it is 0 the pairs have the whole error.
        confidence: that nothing which the board says is wrong.
    """
    weights = _weights(max(num_pairs, 1), num_within)
    return (1 - confidence) * float(weights[0] / weights.sum())


def _weights(num_pairs: int, num_within: int) -> Doubles:
    """Return the weight of every test, (M + W,), those of the pairs first."""
    shares = SUBMISSIONS_SHARE / max(num_pairs, 1), (1 - SUBMISSIONS_SHARE) / max(num_within, 1)
    return np.repeat(shares, (num_pairs, num_within))
