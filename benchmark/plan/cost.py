"""What training costs in seconds: fitted to finished segments, predicted for the rest, and shared out among workers.

A trainer advances all live segments of a seed in lockstep. A step costs `batch_s` once, however many models share its
batch and views, and `model_s` for every model. A trainer needs `start_s` before its first step.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmark.plan.tree import Segment

_MIN_WIDTHS = 3
"""Least number of different widths of lockstep from which the three parts of a cost can be told apart."""


@dataclass(frozen=True)
class Stretch:
    """Steps in [start, stop) during which the same `width` models are trained in lockstep."""

    start: int
    stop: int
    width: int


@dataclass(frozen=True)
class Observed:
    """A finished piece of one model's training.

    Attributes:
        updates: number of updates made.
        batches: this model's share of the batches of these updates, 1 / width for each.
        starts: 1 where the piece includes the start of a trainer, else 0.
        seconds: this model's share of the seconds it took.
    """

    updates: int
    batches: float
    starts: int
    seconds: float


@dataclass(frozen=True)
class UpdateCost:
    """Seconds of training, by what causes them.

    Attributes:
        model_s: seconds per update of one model.
        batch_s: seconds per batch, shared by all models in lockstep.
        start_s: seconds per trainer that is started.
    """

    model_s: float
    batch_s: float = 0.0
    start_s: float = 0.0

    def seconds(self, segments: Iterable[Segment]) -> float:
        """Return the predicted seconds of one trainer for some segments of one seed."""
        return Course(segments, self).total_s


class Course:
    """The predicted course of a job, from updates to seconds: updates are faster where more models share a batch.

    Args:
        segments: what the job trains; all of one seed.
        cost: seconds per update, batch and start.
    """

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
        """Predicted seconds for all updates."""
        return self._seconds[-1]

    def spent_s(self, updates: int) -> float:
        """Return the predicted seconds for the first `updates` updates of the job."""
        if updates >= self._updates[-1]:
            return self.total_s
        after = max(1, bisect_left(self._updates, updates))
        (low, high), (low_s, high_s) = self._updates[after - 1 : after + 1], self._seconds[after - 1 : after + 1]
        return low_s + (high_s - low_s) * max(0.0, updates - low) / (high - low)


def lockstep(segments: Iterable[Segment]) -> tuple[Stretch, ...]:
    """Return the stretches of steps between which no segment of a seed begins or ends.

    Stretches in which nothing is trained are left out.
    """
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
    """Return what a piece of one model's training says about costs.

    Args:
        stretches: how many models were trained at which steps, this one included.
        start: first step of the piece.
        stop: step after its last.
        seconds: this model's share of the seconds it took.
    """
    shares = (max(0, min(stop, each.stop) - max(start, each.start)) / each.width for each in stretches)
    return Observed(stop - start, sum(shares), int(start == 0), seconds)


def fit(observed: Sequence[Observed]) -> UpdateCost | None:
    """Fit the cost to finished pieces by non-negative least squares.

    Returns:
        None where no update was observed. The mean seconds per update, as `model_s` alone, where too few different
        widths of lockstep were observed to tell the parts apart.
    """
    seen = [each for each in observed if each.updates]
    if not seen:
        return None
    widths = {round(each.updates / each.batches, 3) for each in seen if each.batches}
    if len(widths) < _MIN_WIDTHS:
        return UpdateCost(sum(each.seconds for each in seen) / sum(each.updates for each in seen))
    # Imported where it is used: most commands fit nothing, and it takes most of a second.
    import numpy as np
    from scipy.optimize import nnls  # pyright: ignore[reportUnknownVariableType]

    parts = np.array([(each.updates, each.batches, each.starts) for each in seen], dtype=np.float64)
    model_s, batch_s, start_s = nnls(parts, np.array([each.seconds for each in seen]))[0]
    return UpdateCost(float(model_s), float(batch_s), float(start_s))


def starting_order(durations: Sequence[float], workers: int) -> list[int]:
    """Return the order in which to start jobs, as positions: longest first, so that no long job is left to the end.

    Jobs of equal length keep the given order. Where the given order happens to end sooner, it is returned.

    Args:
        durations: seconds of every job.
        workers: number of jobs that run at the same time.

    Source:
        Graham 1969, Bounds on multiprocessing timing anomalies: started longest first, m workers end within
        (4 - 1/m) / 3 times the shortest possible time.
    """
    given = list(range(len(durations)))
    longest_first = sorted(given, key=lambda position: -durations[position])
    return min(longest_first, given, key=lambda order: makespan([durations[position] for position in order], workers))


def makespan(waiting: Sequence[float], workers: int, running: Sequence[float] = ()) -> float:
    """Return the seconds until all jobs have ended, when every free worker takes the next one.

    Args:
        waiting: seconds of the jobs that are not started yet, in the order in which they start.
        workers: number of jobs that run at the same time.
        running: seconds left of the jobs that run already, at most `workers`.
    """
    free_at = [*running, *([0.0] * (workers - len(running)))]
    heapq.heapify(free_at)
    for duration in waiting:
        heapq.heapreplace(free_at, free_at[0] + duration)
    return max(free_at)


def shortest_makespan(durations: Sequence[float], workers: int) -> float:
    """Return a lower bound on the makespan of any order: the longest job, or all work divided evenly."""
    return max(sum(durations) / workers, max(durations, default=0.0))
