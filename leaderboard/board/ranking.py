"""Who is ahead, and whether the difference is real: ranks, rank intervals and tie groups from numbers with intervals.

Pure functions over plain values; it knows no record, file or page.

Two submissions are *separated* when the board says that one is ahead of the other. All that is said of a board by one
number is true at once with the stated confidence, in whichever tables it is looked at: a place interval is
simultaneous, and two share a letter exactly when they are not separated.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from benchmark.scoring.statistics.simultaneous_ranks import Flags, rank_intervals, tie_groups
from leaderboard.board.estimates import IntervalEstimate, Scores
from leaderboard.board.inference.separation import Intervals, Separation

Direction = Literal["higher", "lower"]

MANY_MODELS = 10**6
"""Of numbers that are no means over models."""


@dataclass(frozen=True)
class Standing:
    """Where one submission stands.

    Attributes:
        rank: 1 + the number of submissions with a strictly better value; None where unranked.
        best: 1 + the number of submissions separated from it on the better side.
        worst: number of ranked submissions less those separated from it on the worse side.
        groups: tie groups that it belongs to, increasing from 0 (the leaders). Two submissions share one exactly when
            they are not separated.
        reason: why it is unranked; empty where it is ranked.
    """

    rank: int | None = None
    best: int | None = None
    worst: int | None = None
    groups: tuple[int, ...] = ()
    reason: str = ""

    @property
    def rank_text(self) -> str:
        """The rank interval for people: `2`, `1–3`, or a dash where unranked."""
        if self.best is None:
            return "–"
        return f"{self.best}" if self.best == self.worst else f"{self.best}–{self.worst}"

    @property
    def group_text(self) -> str:
        """The tie groups as letters: `a`, `a–c`, `a, c`, or empty where unranked or separated from everybody."""
        if self.best == self.worst:
            return ""
        runs: list[list[int]] = []
        for group in self.groups:
            if runs and group == runs[-1][-1] + 1:
                runs[-1].append(group)
            else:
                runs.append([group])
        ends = [[group_letters(run[0]), group_letters(run[-1])] for run in runs]
        return ", ".join(first if first == last else f"{first}–{last}" for first, last in ends)


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


@dataclass(frozen=True)
class Sampling:
    """What the numbers of a ranking are means of, and what is promised of everything it says.

    Attributes:
        confidence: that nothing that is said is wrong.
        num_models: per submission; where it is not known, intervals are taken as those of many models.
        separation: whom planned tests separate; None where there are none: then the intervals of the numbers are
            compared (`inference/separation.py`).
        exact: whether numbers without an interval are facts; else nobody is separated by them.
    """

    confidence: float = 0.95
    num_models: Mapping[str, int] = field(default_factory=dict[str, int])
    separation: Separation | None = None
    exact: bool = False


def rank(
    scores: Scores, better: Direction, barred: Mapping[str, str] | None = None, sampling: Sampling | None = None,
    *, letters: bool = True, tables: Iterable[Collection[str]] | None = None,
) -> dict[str, Standing]:  # fmt: skip
    """Rank submissions by a number with an interval.

    Args:
        scores: per submission of a board its number, or None where it has none. Everybody is tested against everybody.
        better: which direction is better.
        barred: submissions that must not be ranked (incomplete evaluations), with the reason shown to people.
        sampling: what the numbers are means of.
        letters: whether tie groups are asked for.
        tables: who stands in one table with whom; all in one where not given. They change places, never a test.

    Returns:
        A standing per submission of `scores`. Barred ones and those without a number are unranked and change no other.
    """
    reasons = dict(barred or {})
    reasons |= {name: "no value" for name, score in scores.items() if score is None and name not in reasons}
    ranked = {name: _oriented(score, better) for name, score in scores.items() if score and name not in reasons}
    standings = {name: Standing(reason=reason) for name, reason in reasons.items() if name in scores}
    if not ranked:
        return standings
    ahead_nn, names = _ahead(ranked, sampling or Sampling()), list(ranked)
    for table in [scores] if tables is None else tables:
        places = [place for place, name in enumerate(names) if name in table]
        listed = {names[place]: ranked[names[place]] for place in places}
        standings |= _standings(listed, ahead_nn[np.ix_(places, places)], letters=letters) if listed else {}
    return standings


def _standings(listed: Mapping[str, IntervalEstimate], ahead_nn: Flags, *, letters: bool) -> dict[str, Standing]:
    """Place the submissions of one table, given who is ahead of whom in it."""
    names, values = list(listed), sorted(score.value for score in listed.values())
    order = sorted(range(len(names)), key=lambda place: (-listed[names[place]].value, names[place]))
    groups = tie_groups(ahead_nn, np.array(order)) if letters else [()] * len(names)
    found = dict[str, Standing]()
    for name, (best, worst), own in zip(names, rank_intervals(ahead_nn).tolist(), groups, strict=True):
        above = len(values) - bisect_right(values, listed[name].value)
        found[name] = Standing(rank=1 + above, best=best, worst=worst, groups=own)
    return found


def _ahead(ranked: Mapping[str, IntervalEstimate], sampling: Sampling) -> Flags:
    """Say who is separated from whom and ahead, (n, n), of numbers that are turned so that higher is better."""
    if sampling.separation is None:
        return _intervals(ranked, sampling).ahead()
    return sampling.separation.among(list(ranked))


def _intervals(ranked: Mapping[str, IntervalEstimate], sampling: Sampling) -> Intervals:
    value_n, low_n, high_n = np.array([(score.value, score.low, score.high) for score in ranked.values()]).T
    num_models_n = np.array([sampling.num_models.get(name, MANY_MODELS) for name in ranked])
    return Intervals(value_n, low_n, high_n, num_models_n, sampling.confidence, sampling.exact)


def leading(scores: Scores, better: Direction, sampling: Sampling) -> list[str]:
    """List everybody that nobody is separated from on the better side, best first."""
    ranked = {name: _oriented(score, better) for name, score in scores.items() if score}
    if not ranked:
        return []
    if sampling.separation is None:
        leads_n = _intervals(ranked, sampling).leading()
    else:
        leads_n = np.asarray(~_ahead(ranked, sampling).any(axis=0))
    found = [name for name, leads in zip(ranked, leads_n, strict=True) if leads]
    return sorted(found, key=lambda name: (-ranked[name].value, name))


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
