"""What training costs in seconds: fitted to finished segments, applied to those that are left, packed onto workers.

A trainer advances all live segments of a seed in lockstep, so a step costs `batch_s` once, however many models share
its batch and views, and `model_s` for every model; and a trainer needs `start_s` before its first step. Pure: it
refuses to read reports and clocks.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import nnls  # pyright: ignore[reportUnknownVariableType]

from benchmark.plan.tree import Segment

_MIN_WIDTHS = 3
"""Fewer different numbers of models in lockstep do not tell the three parts of a cost apart."""


@dataclass(frozen=True)
class Stretch:
    """Steps in [start, stop) during which the same `width` models are trained in lockstep."""

    start: int
    stop: int
    width: int


@dataclass(frozen=True)
class Observed:
    """A finished piece of training.

    Attributes:
        updates: updates made of one model.
        batches: the share of this model in the batches of these updates, 1 / width each.
        starts: 1 where the piece includes the start of a trainer, else 0.
        seconds: how long it took, time shared in lockstep counted once.
    """

    updates: int
    batches: float
    starts: int
    seconds: float


@dataclass(frozen=True)
class UpdateCost:
    """Seconds per update of one model, per batch whoever shares it, and per trainer that is started."""

    model_s: float
    batch_s: float = 0.0
    start_s: float = 0.0

    def seconds(self, segments: Iterable[Segment]) -> float:
        """Predict how long one trainer takes for some segments of one seed."""
        return Course(segments, self).total_s


class Course:
    """How updates of a job turn into seconds: slowly where few models share a batch, faster where many do."""

    def __init__(self, segments: Iterable[Segment], cost: UpdateCost) -> None:
        self._updates, self._seconds = [0.0], [0.0]
        stretches = lockstep(segments)
        for position, stretch in enumerate(stretches):
            steps = stretch.stop - stretch.start
            took_s = steps * (cost.batch_s + stretch.width * cost.model_s) + (0 if position else cost.start_s)
            self._updates.append(self._updates[-1] + steps * stretch.width)
            self._seconds.append(self._seconds[-1] + took_s)

    @property
    def total_s(self) -> float:
        """Seconds for all updates."""
        return self._seconds[-1]

    def spent_s(self, updates: int) -> float:
        """Seconds for the first `updates` updates."""
        if updates >= self._updates[-1]:
            return self.total_s
        after = max(1, bisect_left(self._updates, updates))
        (low, high), (low_s, high_s) = self._updates[after - 1 : after + 1], self._seconds[after - 1 : after + 1]
        return low_s + (high_s - low_s) * max(0.0, updates - low) / (high - low)


def lockstep(segments: Iterable[Segment]) -> tuple[Stretch, ...]:
    """Cut the time of a seed where a segment begins or ends; stretches in which nothing is trained are left out."""
    trained = [segment for segment in segments if segment.num_steps]
    change: dict[int, int] = {}
    for segment in trained:
        change[segment.start] = change.get(segment.start, 0) + 1
        change[segment.stop] = change.get(segment.stop, 0) - 1
    found, width = list[Stretch](), 0
    for start, stop in pairwise(sorted(change)):
        width += change[start]
        if width:
            found.append(Stretch(start, stop, width))
    return tuple(found)


def observe(stretches: Sequence[Stretch], start: int, stop: int, seconds: float) -> Observed:
    """Describe a piece of one model's training in [start, stop), given who was trained beside it."""
    shares = (max(0, min(stop, each.stop) - max(start, each.start)) / each.width for each in stretches)
    return Observed(stop - start, sum(shares), int(start == 0), seconds)


def fit(observed: Sequence[Observed]) -> UpdateCost | None:
    """Fit the cost to finished pieces by least squares, no part of it negative.

    Returns:
        None where not a single update was observed. The plain mean per update where too few numbers of models in
        lockstep were seen to tell the parts apart.
    """
    seen = [each for each in observed if each.updates]
    if not seen:
        return None
    widths = {round(each.updates / each.batches, 3) for each in seen if each.batches}
    if len(widths) < _MIN_WIDTHS:
        return UpdateCost(sum(each.seconds for each in seen) / sum(each.updates for each in seen))
    parts = np.array([(each.updates, each.batches, each.starts) for each in seen], dtype=np.float64)
    model_s, batch_s, start_s = nnls(parts, np.array([each.seconds for each in seen]))[0]
    return UpdateCost(float(model_s), float(batch_s), float(start_s))


def starting_order(durations: Sequence[float], workers: int) -> list[int]:
    """Order jobs so that the last worker does not stand alone: positions, longest first, equals as they came.

    Where the order in which they came ends sooner, which happens by luck, it is kept.

    Source: Graham 1969, Bounds on multiprocessing timing anomalies: started longest first, m workers are done within
    (4 - 1/m) / 3 times the shortest possible time.
    """
    got = list(range(len(durations)))
    longest_first = sorted(got, key=lambda position: -durations[position])
    return min(longest_first, got, key=lambda order: makespan([durations[position] for position in order], workers))


def makespan(waiting: Sequence[float], workers: int, running: Sequence[float] = ()) -> float:
    """Time until all jobs have ended, where every worker that is free takes the next one.

    Args:
        waiting: how long jobs that are not started yet will take, in the order in which they are started.
        workers: how many run at the same time.
        running: how long those take that have been started, at most `workers`.
    """
    free_at = [*running, *([0.0] * (workers - len(running)))]
    heapq.heapify(free_at)
    for duration in waiting:
        heapq.heapreplace(free_at, free_at[0] + duration)
    return max(free_at)


def shortest_makespan(durations: Sequence[float], workers: int) -> float:
    """Bound the makespan of any order from below: the longest job, and the work shared evenly."""
    return max(sum(durations) / workers, max(durations, default=0.0))
