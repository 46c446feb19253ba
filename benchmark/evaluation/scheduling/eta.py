"""Estimated time of arrival: how long training still takes, from the work done per second in the last minute.

Pure: the caller says what time it is. Work is measured by the predicted course of each job. Updates are no measure of
time: an update of a trunk that is trained alone takes several times as long as one of twenty models in lockstep.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmark.plan.cost import Course, makespan

WINDOW_S = 60.0
"""Seconds over which the recent speed is taken."""
_SAMPLE_EVERY_S = 1.0
_ENOUGH = 8
"""Samples of progress that a speed is taken from at least; where updates are slow, they reach back further."""
_BELIEVED_S = 10.0
"""Seconds of progress that a first speed is taken from at least."""
_UNSTEADY = 1.5
"""Factor between two halves of less than a window at which the speed is not believed: a burst of load is no speed."""


JobState = Literal["waiting", "running", "ended"]


@dataclass(frozen=True)
class JobProgress:
    """How far one job is, as its trainer reports."""

    state: JobState
    updates: int


@dataclass(frozen=True)
class JobsProgress:
    """How far all jobs are, in the order in which they are started, and a recent loss."""

    jobs: tuple[JobProgress, ...]
    loss: float | None

    @property
    def updates(self) -> int:
        """Updates made by all jobs so far."""
        return sum(job.updates for job in self.jobs)


class Forecast:
    """Predicts from the progress of jobs when the last one ends.

    Args:
        courses: the predicted course of every job, in the order in which they are started.
        workers: how many run at a time.
        in_seconds: whether the courses are in seconds of this machine, so that a first answer needs no observation.
    """

    def __init__(self, courses: Sequence[Course], workers: int, *, in_seconds: bool) -> None:
        self._courses, self._workers = courses, workers
        self._speed: float | None = 1.0 if in_seconds else None
        self._samples: deque[tuple[float, float, float]] = deque()
        self._last: float | None = None
        self._trainer_s = 0.0

    def left_s(self, progress: JobsProgress, now: float) -> float | None:
        """Return the seconds until the last job ends, at the recent speed; None where that is not known yet.

        Until a whole window has been seen, a speed that changes is not believed, and the one before it is kept.
        """
        self._observe(progress, now)
        if self._speed is None:
            return None
        left = [
            (job.state, course.total_s - course.spent_s(job.updates))
            for job, course in zip(progress.jobs, self._courses, strict=True)
        ]
        running = [seconds for state, seconds in left if state == "running"]
        waiting = [seconds for state, seconds in left if state == "waiting"]
        return makespan(waiting, max(self._workers, len(running)), running) / self._speed

    def _observe(self, progress: JobsProgress, now: float) -> None:
        """Measure the recent speed. The time before the very first update, when all trainers start, does not count."""
        num_running = sum(job.state == "running" for job in progress.jobs)
        if self._last is not None:
            self._trainer_s += num_running * (now - self._last)
        self._last = now
        done_s = sum(
            course.spent_s(job.updates) for job, course in zip(progress.jobs, self._courses, strict=True) if job.updates
        )
        moved = not self._samples or done_s > self._samples[-1][1]
        if done_s and moved and (not self._samples or now - self._samples[-1][0] >= _SAMPLE_EVERY_S):
            self._samples.append((now, done_s, self._trainer_s))
        while len(self._samples) > _ENOUGH and now - self._samples[0][0] > WINDOW_S:
            self._samples.popleft()
        if len(self._samples) >= _ENOUGH and now - self._samples[0][0] >= _BELIEVED_S:
            self._speed = self._recent_speed(now, done_s) or self._speed

    def _recent_speed(self, now: float, done_s: float) -> float | None:
        """Return the work per second of a trainer since the oldest sample; None where it is not believed."""
        begin, *_, end = samples = [*self._samples, (now, done_s, self._trainer_s)]
        middle = min(samples[1:-1], key=lambda sample: abs(2 * sample[0] - begin[0] - now))
        whole, first, second = _speed(begin, end), _speed(begin, middle), _speed(middle, end)
        is_short = now - begin[0] < WINDOW_S - _SAMPLE_EVERY_S
        return None if is_short and max(first, second) > _UNSTEADY * min(first, second) else whole


def _speed(begin: tuple[float, float, float], end: tuple[float, float, float]) -> float:
    """Return the work per second of a trainer between two samples; 0 where no trainer ran."""
    waited_s = end[2] - begin[2]
    return (end[1] - begin[1]) / waited_s if waited_s > 0 else 0.0
