"""How long training still takes, from how fast it went lately: work done per second of every running trainer.

Pure: it refuses to look at a clock. Work is measured by the course of each job, because updates are no measure of time:
those of a trunk that is trained alone are several times as slow as those of twenty models in lockstep.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmark.plan.cost import Course, makespan

WINDOW_S = 60.0
"""What counts as lately."""
_SAMPLE_EVERY_S = 1.0
_ENOUGH = 8
"""Moments of progress that a speed is taken from at least; where updates are slow, lately is longer ago."""


@dataclass(frozen=True)
class JobStanding:
    """How far one job is, by its trainer's word."""

    state: Literal["waiting", "running", "ended"]
    updates: int


@dataclass(frozen=True)
class Standing:
    """How far all jobs are, in the order in which they are started, and a recent loss."""

    jobs: tuple[JobStanding, ...]
    loss: float | None

    @property
    def updates(self) -> int:
        """Updates made by all jobs so far."""
        return sum(job.updates for job in self.jobs)


class Forecast:
    """Watches jobs and foretells when the last one ends.

    Args:
        courses: the predicted course of every job, in the order in which they are started.
        workers: how many run at a time.
        in_seconds: whether the courses are known in seconds of this machine, so that a first answer needs no watching.
    """

    def __init__(self, courses: Sequence[Course], workers: int, *, in_seconds: bool) -> None:
        self._courses, self._workers = courses, workers
        self._speed: float | None = 1.0 if in_seconds else None
        self._watched: deque[tuple[float, float, float]] = deque()
        self._last: float | None = None
        self._trainer_s = 0.0

    def left_s(self, standing: Standing, now: float) -> float | None:
        """Give the seconds until the last job ends, at the recent speed; None where that is not known yet."""
        self._watch(standing, now)
        if self._speed is None:
            return None
        left = [
            (job.state, course.total_s - course.spent_s(job.updates))
            for job, course in zip(standing.jobs, self._courses, strict=True)
        ]
        running = [seconds for state, seconds in left if state == "running"]
        waiting = [seconds for state, seconds in left if state == "waiting"]
        return makespan(waiting, max(self._workers, len(running)), running) / self._speed

    def _watch(self, standing: Standing, now: float) -> None:
        """Take the speed of the last minute, without the time before the very first update, when all trainers start."""
        num_running = sum(job.state == "running" for job in standing.jobs)
        if self._last is not None:
            self._trainer_s += num_running * (now - self._last)
        self._last = now
        done_s = sum(
            course.spent_s(job.updates) for job, course in zip(standing.jobs, self._courses, strict=True) if job.updates
        )
        moved = not self._watched or done_s > self._watched[-1][1]
        if done_s and moved and (not self._watched or now - self._watched[-1][0] >= _SAMPLE_EVERY_S):
            self._watched.append((now, done_s, self._trainer_s))
        while len(self._watched) > _ENOUGH and now - self._watched[0][0] > WINDOW_S:
            self._watched.popleft()
        if len(self._watched) >= _ENOUGH:
            _, done_then_s, trainer_then_s = self._watched[0]
            waited_s = self._trainer_s - trainer_then_s
            self._speed = (done_s - done_then_s) / waited_s if waited_s > 0 else self._speed
