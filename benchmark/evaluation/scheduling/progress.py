"""Who is told how an evaluation goes: people at a terminal (`Reporter`), and whoever looks at the home from elsewhere.

The status of an evaluation is written here, about once per second and never as a reason to stop: where it cannot be
written, it is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from benchmark.recording.status import (
    MAX_TEXT_CHARACTERS,
    EvaluationStatus,
    roughly,
    status_name,
    status_path,
    write_status,
)

WRITE_EVERY_S = 1.0
_FORGET_AFTER_S = 30 * 86_400.0


@dataclass(frozen=True)
class TrainingProgress:
    """How far training is.

    Attributes:
        updates, total_updates: made by this call, and of this call.
        runs, total_runs: whose final state is stored, and all.
        loss: a recent one.
        left_s: seconds of training that are left at the recent speed, if that is known.
        scoring_s: seconds of scoring that come after it, if an earlier record tells.
    """

    updates: int
    total_updates: int
    runs: int
    total_runs: int
    loss: float | None = None
    left_s: float | None = None
    scoring_s: float | None = None


class Reporter(Protocol):
    """Who is told how an evaluation goes."""

    def stage(self, text: str) -> None:
        """A new station has been reached."""

    def warn(self, text: str) -> None:
        """Something to look at."""

    def training(self, progress: TrainingProgress) -> None:
        """Training goes on."""

    def waiting(self) -> None:
        """Something else goes on."""


class StatusFile:
    """Keeps the status of one evaluation in a home; only for who holds the lock of the home.

    Args:
        home: root of the home.
        submission: name of what is evaluated.
        spec_identity: on which specification.
        total_updates: updates of the whole evaluation.
        clock: seconds that never go back.
    """

    def __init__(
        self, home: Path, submission: str, spec_identity: str, total_updates: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._path = status_path(home, status_name(submission, spec_identity))
        self._submission, self._spec_identity = submission[:MAX_TEXT_CHARACTERS], spec_identity[:MAX_TEXT_CHARACTERS]
        self._total_updates, self._clock = total_updates, clock
        self._due = -1.0
        self._scoring_since: float | None = None

    def training(self, progress: TrainingProgress) -> None:
        """Say that training goes on."""
        earlier = self._total_updates - progress.total_updates
        self._write("training", progress, earlier + progress.updates, progress.left_s, progress.scoring_s)

    def scoring(self, runs: int, total_runs: int, usual_s: float | None) -> None:
        """Say that scoring goes on; the first call says since when."""
        now = self._clock()
        if self._scoring_since is None:
            self._scoring_since, self._due = now, now
        left_s = None if usual_s is None else max(0.0, usual_s - (now - self._scoring_since))
        progress = TrainingProgress(0, 0, runs, total_runs)
        self._write("scoring", progress, self._total_updates, left_s, None)

    def _write(
        self, stage: Literal["training", "scoring"], progress: TrainingProgress, updates: int, left_s: float | None,
        scoring_s: float | None,
    ) -> None:  # fmt: skip
        if self._clock() < self._due:
            return
        self._due = self._clock() + WRITE_EVERY_S
        with suppress(OSError, ValueError):  # a full disk, an absurd number: no reason to end an evaluation
            status = EvaluationStatus(
                submission=self._submission, spec_identity=self._spec_identity, stage=stage, runs=progress.runs,
                total_runs=progress.total_runs, updates=updates, total_updates=self._total_updates, left_s=left_s,
                scoring_s=scoring_s, heard=time.time(),
            )  # fmt: skip
            write_status(self._path, status)

    def remove(self) -> None:
        """There is a record now. What nobody has continued for a month goes as well."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
            for path in self._path.parent.glob("*.json"):
                if time.time() - path.lstat().st_mtime > _FORGET_AFTER_S:
                    path.unlink()


class Audience:
    """Everybody who is told how an evaluation goes: the reporter of this call, and whoever reads the status.

    Args:
        reporter: of this call.
        status: in the home.
        leaves: where the final states of all runs are, or will be.
        scoring_s: how long scoring usually takes, if that is known.
    """

    def __init__(
        self, reporter: Reporter, status: StatusFile, leaves: Sequence[Path], scoring_s: float | None
    ) -> None:
        self.reporter, self._status, self._leaves, self._scoring_s = reporter, status, leaves, scoring_s

    def training(self, updates: int, total_updates: int, loss: float | None, left_s: float | None) -> None:
        """Tell how far training is."""
        runs = sum(leaf.exists() for leaf in self._leaves)
        progress = TrainingProgress(
            updates, total_updates, runs, len(self._leaves), loss, left_s, self._scoring_s
        )
        self.reporter.training(progress)
        self._status.training(progress)

    def scoring(self) -> Callable[[], None]:
        """Tell that scoring begins; gives what is to be called while it goes on."""
        runs = sum(leaf.exists() for leaf in self._leaves)
        usual = "" if self._scoring_s is None else f", which took {roughly(self._scoring_s)} before"
        self.reporter.stage(f"scoring{usual}")

        def goes_on() -> None:
            self.reporter.waiting()
            self._status.scoring(runs, len(self._leaves), self._scoring_s)

        goes_on()
        return goes_on
