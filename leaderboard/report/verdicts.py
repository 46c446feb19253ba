"""From tests to verdicts: seen, not seen or undecided. Pure; it knows no board.

All tests of a board are one family under Holm's method, fixed before anybody looks. A claim says which sign an effect
has. Effects below a margin that is fixed too are too small to matter, so that "not seen" needs evidence as well: an
effect of the other sign, or an interval that lies within the margin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmark.scoring.statistics.models_and_images import TwoWayMean
from benchmark.scoring.statistics.simultaneous_ranks import holm

Verdict = Literal["seen", "not seen", "undecided"]


@dataclass(frozen=True)
class PlannedTest:
    """One planned test.

    Attributes:
        claim: which claim it is about: a, b, c or d; c's tests serve d as well.
        name: what is compared, for people.
        effect: the effect, oriented so that the claim says it is above 0.
        margin: effects of at most this size are too small to matter, above 0.
        records: names of the evaluations that the effect comes from.
        method: name of the one method that it is about; empty where it is about all.
        pair: the two schedules that are compared, first minus second; None where it is about all.
        p: p-value, two-sided, where that of `effect` is not valid among many tests.
    """

    claim: str
    name: str
    effect: TwoWayMean
    margin: float
    records: tuple[str, ...]
    method: str = ""
    pair: tuple[str, str] | None = None
    p: float | None = None

    @property
    def schedules(self) -> str:
        """The pair of schedules for people; empty where it is about all."""
        return " - ".join(self.pair or ())


@dataclass(frozen=True)
class Judged:
    """A test with what its family says of it.

    Attributes:
        test: the test.
        p_holm: its p-value, adjusted for all tests of the board, at most 1.
        level: the error that the family may make.
        family: how many tests there are.
    """

    test: PlannedTest
    p_holm: float
    level: float
    family: int

    @property
    def holds(self) -> bool:
        """Whether the effect is there, of either sign."""
        return self.p_holm <= self.level

    @property
    def verdict(self) -> Verdict:
        """Whether the claim is seen here."""
        if self.holds:
            return "seen" if self.test.effect.value > 0 else "not seen"
        return "not seen" if self.negligible else "undecided"

    @property
    def negligible(self) -> bool:
        """Whether the effect is at most as large as its margin, at the level of the whole family (Bonferroni)."""
        if self.test.effect.error <= 0:
            return False
        low, high = self.test.effect.interval(1 - 2 * self.level / self.family)
        return -self.test.margin <= low and high <= self.test.margin


def judge(tests: Sequence[PlannedTest], level: float) -> list[Judged]:
    """Adjust all tests of a board together.

    Args:
        tests: the whole family, in any order.
        level: the error that the family may make, such as .05.
    """
    if not tests:
        return []
    adjusted: list[float] = holm(np.array([test.effect.p if test.p is None else test.p for test in tests])).tolist()
    return [Judged(test, p, level, len(tests)) for test, p in zip(tests, adjusted, strict=True)]


def any_effect(judged: Iterable[Judged]) -> Verdict:
    """Return the verdict of a claim that something matters at all: one effect of either sign is enough."""
    found = list(judged)
    if any(each.holds for each in found):
        return "seen"
    return "not seen" if found and all(each.negligible for each in found) else "undecided"


def all_effects(judged: Iterable[Judged]) -> Verdict:
    """Return the verdict of a claim that needs each of its tests to be seen, and that one against it denies."""
    verdicts = [each.verdict for each in judged]
    if verdicts and all(each == "seen" for each in verdicts):
        return "seen"
    return "not seen" if "not seen" in verdicts else "undecided"


def of_board(verdicts: Sequence[Verdict]) -> Verdict:
    """Combine the verdicts of single methods: seen in one and denied in none, or denied in one and seen in none.

    >>> of_board(["seen", "undecided"]), of_board(["seen", "not seen"]), of_board([])
    ('seen', 'undecided', 'undecided')
    """
    if "seen" in verdicts and "not seen" not in verdicts:
        return "seen"
    return "not seen" if "not seen" in verdicts and "seen" not in verdicts else "undecided"


MAX_NAMED = 6
"""A verdict names up to this many methods, and counts more of them."""


def by_method(verdicts: Mapping[str, Verdict], most: int = MAX_NAMED) -> str:
    """Write the verdicts of single methods, so that none speaks for another; more than `most` alike are counted.

    >>> by_method({"supcon": "seen", "simclr": "undecided"})
    'seen for supcon; undecided for simclr'
    >>> by_method({})
    'not tested'
    """
    said: list[str] = []
    for verdict in ("seen", "not seen", "undecided"):
        mine = [name for name, found in verdicts.items() if found == verdict]
        if mine:
            share = f"{len(mine)} of {len(verdicts)}" if len(mine) < len(verdicts) else f"all {len(mine)}"
            said.append(f"{verdict} for {f'{share} methods' if len(mine) > most else ', '.join(mine)}")
    return "; ".join(said) or "not tested"
