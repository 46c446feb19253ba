"""Who is ahead, and whether the difference is real: ranks, rank intervals and tie groups from numbers with intervals.

Pure functions over plain values. It refuses to know records, files or pages.

Two submissions are *separated* when their intervals do not overlap. That is stricter than a paired test (two 95 %
intervals may overlap although the paired difference excludes zero), so a tie here means "not separated by this board".
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Interval:
    """A number with bounds; a missing bound is replaced by the value itself, so that `low <= value <= high` holds."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float | None, low: float | None = None, high: float | None = None) -> Interval | None:
        """Build an interval from what a record holds; None where there is no finite value to rank by."""
        if value is None or not math.isfinite(value):
            return None
        lower = value if low is None or math.isnan(low) else min(low, value)
        upper = value if high is None or math.isnan(high) else max(high, value)
        return cls(value, lower, upper)


@dataclass(frozen=True)
class Standing:
    """Where one submission stands.

    Attributes:
        rank: 1 + the number of submissions with a strictly better value; None where unranked.
        best: 1 + the number of submissions separated from it on the better side.
        worst: number of ranked submissions less those separated from it on the worse side.
        first_group: first tie group it belongs to, from 0 (the leaders).
        last_group: last tie group it belongs to. Two submissions share a group exactly when their intervals overlap.
        reason: why it is unranked; empty where it is ranked.
    """

    rank: int | None = None
    best: int | None = None
    worst: int | None = None
    first_group: int | None = None
    last_group: int | None = None
    reason: str = ""

    @property
    def rank_text(self) -> str:
        """The rank interval for people: `2`, `1–3`, or a dash where unranked."""
        if self.best is None:
            return "–"
        return f"{self.best}" if self.best == self.worst else f"{self.best}–{self.worst}"

    @property
    def group_text(self) -> str:
        """The tie groups as letters: `a`, `a–c`, or empty where unranked."""
        if self.first_group is None or self.last_group is None:
            return ""
        first, last = group_letters(self.first_group), group_letters(self.last_group)
        return first if first == last else f"{first}–{last}"


def group_letters(group: int) -> str:
    """Name a tie group as spreadsheets name columns.

    >>> [group_letters(group) for group in (0, 25, 26, 701, 702)]
    ['a', 'z', 'aa', 'zz', 'aaa']
    """
    letters = ""
    group += 1
    while group:
        group, letter = divmod(group - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return letters


def rank(
    scores: Mapping[str, Interval | None], better: Direction, barred: Mapping[str, str] | None = None
) -> dict[str, Standing]:
    """Rank submissions by a number with an interval.

    Args:
        scores: per submission its number, or None where it has none.
        better: which direction is better.
        barred: submissions that must not be ranked (incomplete evaluations), with the reason shown to people.

    Returns:
        A standing per submission of `scores`. Barred ones and those without a number are unranked and influence nobody.
    """
    reasons = dict(barred or {})
    reasons |= {name: "no value" for name, score in scores.items() if score is None and name not in reasons}
    ranked = {name: _oriented(score, better) for name, score in scores.items() if score and name not in reasons}
    groups = _tie_groups(ranked)
    values = sorted(score.value for score in ranked.values())
    lows = sorted(score.low for score in ranked.values())
    highs = sorted(score.high for score in ranked.values())
    standings = {name: Standing(reason=reason) for name, reason in reasons.items() if name in scores}
    for name, score in ranked.items():
        standings[name] = Standing(
            rank=1 + len(values) - bisect_right(values, score.value),
            best=1 + len(lows) - bisect_right(lows, score.high),
            worst=len(highs) - bisect_left(highs, score.low),
            first_group=groups[name][0],
            last_group=groups[name][1],
        )
    return standings


def ordered(scores: Mapping[str, Interval | None], better: Direction, standings: Mapping[str, Standing]) -> list[str]:
    """Order submissions best first, equal values by name, unranked ones last by name."""

    def key(name: str) -> tuple[bool, float, str]:
        score = scores[name]
        if standings[name].rank is None or score is None:
            return True, 0.0, name
        return False, -_oriented(score, better).value, name

    return sorted(scores, key=key)


def agreement(first: Mapping[str, Interval | None], second: Mapping[str, Interval | None]) -> float | None:
    """Kendall's tau-b between two orders, over submissions that have both numbers (both oriented higher-better).

    Returns:
        A number in [-1, 1], 1 for the same order; None with fewer than two common submissions or one constant order.
    """
    pairs = [(a.value, b.value) for name, a in first.items() if a and (b := second.get(name))]
    if len({a for a, _ in pairs}) < 2 or len({b for _, b in pairs}) < 2:
        return None
    return _kendall_tau(pairs)


def oriented(scores: Mapping[str, Interval | None], better: Direction) -> dict[str, Interval | None]:
    """Turn numbers so that higher is better."""
    return {name: _oriented(score, better) if score else None for name, score in scores.items()}


def log2_compression(sparsity: float) -> float:
    """Place a sparsity in [0, 1) on the axis of the robustness score: log2(1 / (1 - sparsity)).

    >>> log2_compression(0.75)
    2.0
    """
    return -math.log2(1.0 - sparsity)


def area_over_compression(sparsities: Sequence[float], heights: Sequence[float]) -> float:
    """Mean height over log2 compression by the trapezoid rule; one point gives its height.

    Source: design, Ranking (area divided by the width between smallest and largest pruned sparsity).

    >>> area_over_compression([0.5, 0.75, 0.875], [1.0, 0.5, 0.0])
    0.5
    """
    return float(np.dot(compression_weights(sparsities), heights))


def compression_weights(sparsities: Sequence[float]) -> NDArray[np.float64]:
    """Weight of every sparsity in `area_over_compression`; they sum to 1.

    >>> compression_weights([0.5, 0.75, 0.875]).tolist()
    [0.25, 0.5, 0.25]
    """
    places = np.array([log2_compression(sparsity) for sparsity in sparsities])
    if len(places) == 1:
        return np.ones(1)
    halves = np.diff(places) / 2 / (places[-1] - places[0])
    return np.append(halves, 0.0) + np.append(0.0, halves)


def interval_over_seeds(samples_K: NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """Mean over models with a Student t interval; with one model the bounds equal the value.

    Args:
        samples_K: float64 (K,), one number per model.
        confidence: nominal coverage in (0, 1).
    """
    from scipy.special import stdtrit  # here, because the first page of a server does without it and would wait

    mean = float(samples_K.mean())
    if len(samples_K) < 2:
        return Interval(mean, mean, mean)
    half = float(stdtrit(len(samples_K) - 1, (1 + confidence) / 2) * samples_K.std(ddof=1) / math.sqrt(len(samples_K)))
    return Interval(mean, mean - half, mean + half)


def _oriented(score: Interval, better: Direction) -> Interval:
    return score if better == "higher" else Interval(-score.value, -score.high, -score.low)


def _tie_groups(scores: Mapping[str, Interval]) -> dict[str, tuple[int, int]]:
    """Give every interval the first and last of the maximal sets of mutually overlapping intervals it belongs to.

    A sweep from the best end: a set is complete when one of its members ends and somebody joined since the last set.
    """
    starts = [(-score.high, 0, name) for name, score in scores.items()]
    ends = [(-score.low, 1, name) for name, score in scores.items()]
    first: dict[str, int] = {}
    groups: dict[str, tuple[int, int]] = {}
    count, joined = 0, False
    for _, is_end, name in sorted(starts + ends):
        if not is_end:
            first[name], joined = count, True
            continue
        count, joined = count + joined, False
        groups[name] = (first[name], count - 1)
    return groups


def _kendall_tau(pairs: Sequence[tuple[float, float]]) -> float:
    """Kendall's tau-b: agreeing less disagreeing pairs of pairs, over those untied in the one and in the other number.

    Source: Kendall 1945, "The treatment of ties in ranking problems". Disagreements are counted as Knight 1966 does.
    """
    disagreeing, seen = 0, list[float]()
    for _, second in sorted(pairs):
        disagreeing += len(seen) - bisect_right(seen, second)
        insort(seen, second)
    untied = math.comb(len(pairs), 2) - _num_tied(a for a, _ in pairs), math.comb(len(pairs), 2) - _num_tied(seen)
    agreeing_or_not = untied[0] - _num_tied(seen) + _num_tied(pairs)
    return (agreeing_or_not - 2 * disagreeing) / math.sqrt(untied[0] * untied[1])


def _num_tied(values: Iterable[Hashable]) -> int:
    return sum(math.comb(count, 2) for count in Counter(values).values())
