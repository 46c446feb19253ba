"""Times sides in turn (A B A B), and states the median of their ratios with its range."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One line of the bench: its name, the value, and what it is based on.

    Attributes:
        name: what was compared or measured.
        value: the finding, with its unit: `13.1x [12.4, 13.9]`.
        basis: what was measured, in words.
        reach: what was aimed at; empty where nothing was.
    """

    name: str
    value: str
    basis: str
    reach: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.value}   ({self.basis})"


def seconds(act: Callable[[], object]) -> float:
    """Time something once."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def alternate(peer: Callable[[], object], ours: Callable[[], object], repeats: int) -> tuple[list[float], list[float]]:
    """Time both sides in turn; each is warmed up once before."""
    peer()
    ours()
    peer_s, ours_s = in_turn([lambda: seconds(peer), lambda: seconds(ours)], repeats)
    return peer_s, ours_s


def in_turn(acts: Sequence[Callable[[], float]], repeats: int) -> list[list[float]]:
    """Time several sides in turn (A B C A B C); return the timings of each.

    Args:
        acts: run a side once each, and return its seconds.
        repeats: timings of each side.
    """
    rounds = [[act() for act in acts] for _ in range(repeats)]
    return [list(of_one) for of_one in zip(*rounds, strict=True)]


def ratio(peer_s: Sequence[float], ours_s: Sequence[float]) -> str:
    """Return how many times faster we are: the median of the pairs' ratios and their range."""
    ratios = [peer / ours for peer, ours in zip(peer_s, ours_s, strict=True)]
    return f"{statistics.median(ratios):.1f}x [{min(ratios):.1f}, {max(ratios):.1f}]"


def milliseconds(taken_s: Sequence[float]) -> str:
    """Return a median as text, in milliseconds."""
    return f"{statistics.median(taken_s) * 1e3:.1f} ms"
