"""What an executor is: starts trainers and the scorer somewhere, and says how isolated they are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from benchmark.executors.failure import Evidence
from benchmark.training.training_job import TrainingJob

ExecutorChoice = Literal["auto", "docker", "process"]
"""What can be asked for."""

MAX_ANSWER_BYTES = 1 << 16
"""Most of what a trial may answer; the rest is cut off."""


@dataclass(frozen=True)
class PreparedJob:
    """A trainer's job with the places it may see.

    Attributes:
        job: what to train.
        job_file: the job as JSON.
        submission: private copy of the submitted code, read-only.
        data: training images (labels only where the manifest asks for them), read-only.
        parents: stored states that it continues, read-only.
        outbox: where it leaves finished states; outlives it.
        log: where what it prints is kept.
    """

    job: TrainingJob
    job_file: Path
    submission: Path
    data: Path
    parents: Path
    outbox: Path
    log: Path


@dataclass(frozen=True)
class TrialEnd:
    """How a trial of a submission ended.

    Attributes:
        exit_code: of its process; None if it was ended at its time limit.
        answer: what it wrote to standard output, at most some kilobytes: text of the submission's own making.
        complaint: the end of what it wrote to standard error.
    """

    exit_code: int | None
    answer: str
    complaint: str


class Trainer(Protocol):
    """A started trainer."""

    def poll(self) -> Evidence | None:
        """Say how it ended, or None while it runs."""
        ...

    def kill(self) -> None:
        """End it and wait until it is gone."""


class Executor(Protocol):
    """A place where jobs run."""

    name: str
    isolation: Literal["none", "docker"]

    def pick_device(self, choice: str) -> Literal["cpu", "cuda"]:
        """Resolve `auto`, `cpu` or `cuda` to what trainers and the scorer will have.

        Raises:
            ValueError: `cuda` was asked for and they cannot have one, in one sentence.
        """
        ...

    def environment(self, device: str) -> dict[str, Any]:
        """Describe everything there that can change bits."""
        ...

    def provenance(self) -> dict[str, Any]:
        """Give facts for the record that change no bits, such as the content ids of container images."""
        ...

    def recover(self) -> int:
        """End what a killed dispatcher of this home has left running, and say how much; only with the home locked."""
        ...

    def start(self, prepared: PreparedJob) -> Trainer:
        """Start a trainer."""
        ...

    def try_out(
        self, module: str, job_file: Path, submission: Path, arguments: Sequence[str], device: str, limit_s: float
    ) -> TrialEnd:
        """Run a module of `benchmark.training.trials` on a submission to its end, isolated as a trainer, without data.

        Raises:
            ExecutorError: it could not be started.
        """
        ...

    def score(self, job_file: Path, out: Path, on_wait: Callable[[], None]) -> None:
        """Run the scorer to its end on the device that its job names, calling `on_wait` now and then.

        Raises:
            ScorerError: it ended with an error; the message holds the end of what it printed.
        """
        ...

    def close(self) -> None:
        """Give back whatever the executor holds; it starts nothing afterwards."""
