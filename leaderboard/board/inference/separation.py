"""Who is separated from whom in a ranking, all pairs of a board at one error rate. Pure.

Robustness scores are separated by planned tests (`plan.py`, `board/claims.py`). Of other numbers a record holds
intervals only: there two are separated when they are further apart than the interval of a difference of two unrelated
numbers that is wide enough for all pairs together (Bonferroni).

Shapes: n submissions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from benchmark.scoring.score_math import FEWEST_MODELS
from benchmark.scoring.statistics.simultaneous_ranks import Flags

Doubles = NDArray[np.float64]


MOST_FREEDOM = 1000
"""Degrees of freedom that are not told apart from more."""


@dataclass(frozen=True)
class Separation:
    """Whom tests separate.

    Attributes:
        names: of the n submissions that are tested.
        ahead_nn: bool (n, n); `[i, j]` says that i is ahead of j.
    """

    names: Sequence[str]
    ahead_nn: Flags

    def among(self, names: Sequence[str]) -> Flags:
        """Return the same of other submissions, or in another order; who is not tested is separated from nobody."""
        place_of = {name: place for place, name in enumerate(self.names)}
        known = np.array([name in place_of for name in names], np.bool_)
        places = [place_of[name] for name in names if name in place_of]
        found_nn = np.zeros((len(names), len(names)), np.bool_)
        found_nn[np.ix_(known, known)] = self.ahead_nn[np.ix_(places, places)]
        return found_nn


@dataclass(frozen=True)
class Intervals:
    """Numbers with the intervals that records hold.

    Attributes:
        value_n: float64 (n,), higher is better.
        low_n: lower bounds of the interval of each.
        high_n: upper bounds.
        num_models_n: int64 (n,), over how many models each is a mean.
        confidence: of these intervals, and that nothing that is said of them is wrong.
        exact: whether numbers without an interval are facts, such as costs; else they separate nobody.
    """

    value_n: Doubles
    low_n: Doubles
    high_n: Doubles
    num_models_n: NDArray[np.int64]
    confidence: float
    exact: bool = False

    def ahead(self) -> Flags:
        """Separate all pairs, bool (n, n): `[i, j]` says that i is ahead of j.

        i is ahead of j where `value_i - value_j > f sqrt((value_i - low_i)^2 + (high_j - value_j)^2)`. f is how much
        wider than for one number the interval has to be for all pairs: a ratio of quantiles of Student's t, with
        Welch's degrees of freedom, or of the normal distribution, whichever is larger. Nothing is ahead of a number
        without an interval, or of too few models for one, and it is ahead of nothing, unless it is a fact.
        """
        everybody = np.arange(len(self.value_n))
        return self._ahead_of(everybody, everybody)

    def leading(self) -> NDArray[np.bool_]:
        """Say which numbers nobody is ahead of, bool (n,), without looking at every pair."""
        everybody = np.arange(len(self.value_n))
        near_n = ~self._ahead_of(everybody[[self.value_n.argmax()]], everybody)[0]
        near = everybody[near_n]
        near_n[near] = ~self._ahead_of(everybody, near).any(axis=0)
        return near_n

    def _ahead_of(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Flags:
        num_pairs = max(len(self.value_n) * (len(self.value_n) - 1) // 2, 1)
        one, all_pairs = (1 + self.confidence) / 2, 1 - (1 - self.confidence) / (2 * num_pairs)
        down_f1 = ((self.value_n - self.low_n) ** 2)[first, None]
        up_s = ((self.high_n - self.value_n) ** 2)[second]
        freedom_n = np.maximum(self.num_models_n - 1, 1)
        freedom_f1, freedom_s = freedom_n[first, None], freedom_n[second]
        squares_fs = down_f1 + up_s
        below_fs = down_f1**2 / freedom_f1 + up_s**2 / freedom_s
        fewest_fs = np.minimum(freedom_f1, freedom_s)
        welch_fs = np.divide(squares_fs**2, below_fs, out=fewest_fs.astype(np.float64), where=below_fs > 0)
        factor_fs = _quantiles(np.floor(welch_fs + 1e-9), all_pairs) / _quantiles(fewest_fs, one)
        normal = float(stdtrit(np.inf, all_pairs) / stdtrit(np.inf, one))
        factor_fs = np.where(fewest_fs >= MOST_FREEDOM, normal, np.maximum(factor_fs, normal))
        has_interval_n = self.high_n > self.low_n
        enough_n = np.where(has_interval_n, self.num_models_n >= FEWEST_MODELS, self.exact)
        ahead_fs = self.value_n[first, None] - self.value_n[second] > factor_fs * np.sqrt(squares_fs)
        return ahead_fs & enough_n[first, None] & enough_n[second]


def _quantiles(freedom: NDArray[np.number], probability: float) -> Doubles:
    """Return quantiles of Student's t; of whole degrees of freedom, so that one short table serves all pairs."""
    most = int(min(freedom.max(initial=1), MOST_FREEDOM))
    known = stdtrit(np.arange(1.0, most + 1), probability)
    return known[np.minimum(freedom, most).astype(np.int64) - 1]
