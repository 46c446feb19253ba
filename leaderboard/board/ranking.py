"""Who is ahead, and whether the difference is real: ranks, rank intervals and tie groups from numbers with intervals.

Pure functions over plain values; it knows no record, file or page.

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

from leaderboard.board.estimates import IntervalEstimate, Scores

Direction = Literal["higher", "lower"]


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
    scores: Scores, better: Direction, barred: Mapping[str, str] | None = None
) -> dict[str, Standing]:
    """Rank submissions by a number with an interval.

    Args:
        scores: per submission its number, or None where it has none.
        better: which direction is better.
        barred: submissions that must not be ranked (incomplete evaluations), with the reason shown to people.

    Returns:
        A standing per submission of `scores`. Barred ones and those without a number are unranked and change no other.
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


def ordered(scores: Scores, better: Direction, standings: Mapping[str, Standing]) -> list[str]:
    """Order submissions best first, equal values by name, unranked ones last by name."""

    def key(name: str) -> tuple[bool, float, str]:
        score = scores[name]
        if standings[name].rank is None or score is None:
            return True, 0.0, name
        return False, -_oriented(score, better).value, name

    return sorted(scores, key=key)


def agreement(first: Scores, second: Scores) -> float | None:
    """Kendall's tau-b between two orders, over submissions that have both numbers (both oriented higher-better).

    Returns:
        A number in [-1, 1], 1 for the same order; None with fewer than two common submissions or one constant order.
    """
    pairs = [(a.value, b.value) for name, a in first.items() if a and (b := second.get(name))]
    if len({a for a, _ in pairs}) < 2 or len({b for _, b in pairs}) < 2:
        return None
    return _kendall_tau(pairs)


def oriented(scores: Scores, better: Direction) -> dict[str, IntervalEstimate | None]:
    """Turn numbers so that higher is better."""
    return {name: _oriented(score, better) if score else None for name, score in scores.items()}


def _oriented(score: IntervalEstimate, better: Direction) -> IntervalEstimate:
    return score if better == "higher" else IntervalEstimate(-score.value, -score.high, -score.low)


def _tie_groups(scores: Mapping[str, IntervalEstimate]) -> dict[str, tuple[int, int]]:
    """Return per interval the first and last of the maximal sets of mutually overlapping intervals that it belongs to.

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
