"""Progress of an evaluation, for people at a terminal (`Reporter`) and in a status file that other programs read.

The status file is written about once per second. Where it cannot be written, the evaluation goes on without it.
"""

from __future__ import annotations

import math
import os
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
_COUNT_REST = 20
"""How many times as long as it took to count stored runs they are not counted again."""
_FORGET_AFTER_S = 30 * 86_400.0


@dataclass(frozen=True)
class TrainingProgress:
    """How far training is.

    Attributes:
        updates, total_updates: made of what is trained now, and all of it.
        runs, total_runs: whose final state is stored, and all.
        loss: a recent one.
        left_s: seconds of training that are left at the recent speed, if that is known.
        scoring_s: seconds of scoring that come after it, if an earlier record tells.
        later_updates: missing in seeds that come later, because other dispatchers train them.
    """

    updates: int
    total_updates: int
    runs: int
    total_runs: int
    loss: float | None = None
    left_s: float | None = None
    scoring_s: float | None = None
    later_updates: int = 0


class Reporter(Protocol):
    """Shows how an evaluation goes."""

    def stage(self, text: str) -> None:
        """Show that a new step has begun."""

    def warn(self, text: str) -> None:
        """Show something that a person should look at."""

    def training(self, progress: TrainingProgress) -> None:
        """Show how far training is."""

    def waiting(self) -> None:
        """Show that something else than training goes on."""


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
        """Write how far training is."""
        earlier = self._total_updates - progress.total_updates - progress.later_updates
        left_s = None if progress.later_updates else progress.left_s
        self._write("training", progress, earlier + progress.updates, left_s, progress.scoring_s)

    def scoring(self, runs: int, total_runs: int, usual_s: float | None) -> None:
        """Write that scoring goes on; the first call starts its clock."""
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
        """Remove the file, as there is a record now; files that nobody has continued for a month go as well."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
            for path in self._path.parent.glob("*.json"):
                if time.time() - path.lstat().st_mtime > _FORGET_AFTER_S:
                    path.unlink()


class ProgressFeed:
    """Sends the progress of an evaluation to the reporter of this call and into the status file.

    Args:
        reporter: of this call.
        status: the status file in the home.
        leaves: folders of the final states of all runs, whether they are there yet or not.
        scoring_s: how many seconds scoring usually takes, if that is known.
    """

    def __init__(
        self, reporter: Reporter, status: StatusFile, leaves: Sequence[Path], scoring_s: float | None
    ) -> None:
        self._reporter, self._status, self._scoring_s = reporter, status, scoring_s
        self._num_leaves, self._not_stored = len(leaves), [str(leaf) for leaf in leaves]
        self._later_updates = 0
        self._count_due = -math.inf

    def stage(self, text: str) -> None:
        """Send that a new step has begun."""
        self._reporter.stage(text)

    def warn(self, text: str) -> None:
        """Send something that a person should look at."""
        self._reporter.warn(text)

    def comes_later(self, updates: int) -> None:
        """Count updates as missing in what is sent from now on: of seeds that other dispatchers train."""
        self._later_updates = updates

    def training(self, updates: int, total_updates: int, loss: float | None, left_s: float | None) -> None:
        """Send how far training is."""
        progress = TrainingProgress(
            updates, total_updates, self._num_stored(), self._num_leaves, loss, left_s, self._scoring_s,
            self._later_updates,
        )  # fmt: skip
        self._reporter.training(progress)
        self._status.training(progress)

    def scoring(self) -> Callable[[], None]:
        """Send that scoring begins; return what is to be called now and then while it goes on."""
        self._count_due = -math.inf
        runs = self._num_stored()
        usual = "" if self._scoring_s is None else f", which took {roughly(self._scoring_s)} before"
        self._reporter.stage(f"scoring{usual}")

        def on_wait() -> None:
            self._reporter.waiting()
            self._status.scoring(runs, self._num_leaves, self._scoring_s)

        on_wait()
        return on_wait

    def _num_stored(self) -> int:
        """Count the runs that are stored; of 100,500, looking takes a second, and is done again 20 seconds later."""
        began = time.monotonic()
        if began >= self._count_due:
            self._not_stored = [leaf for leaf in self._not_stored if not os.path.exists(leaf)]  # noqa: PTH110 - fast
            ended = time.monotonic()
            self._count_due = ended + _COUNT_REST * (ended - began)
        return self._num_leaves - len(self._not_stored)
