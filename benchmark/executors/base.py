"""The protocol of an executor: it starts trainers and the scorer in one place, and says how isolated they are there.

`tests/executors/test_conformance.py` checks what is promised here, for every executor alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from benchmark.executors.choices import ExecutorChoice
from benchmark.executors.failure import Evidence
from benchmark.recording.isolation import Isolation
from benchmark.store.claims import Claims
from benchmark.training.training_job import TrainingJob

__all__ = ["Executor", "ExecutorChoice", "PreparedJob", "ProgramResult", "Trainer", "Trial"]


@dataclass(frozen=True)
class PreparedJob:
    """A trainer's job with the places it may see.

    Attributes:
        job: what to train.
        job_file: the job as JSON.
        submission: private copy of the submitted code, read-only.
        data: training images (labels only where the manifest asks for them), read-only.
        parents: stored states that it continues, read-only.
        outbox: where it leaves finished states; the folder outlives the trainer.
        log: file for what it prints.
        gpu: id of the GPU that it gets; None where the executor chooses.
        compiler_cache: where a compiler may keep what it has compiled for later trainers, if it is to keep it.
    """

    job: TrainingJob
    job_file: Path
    submission: Path
    data: Path
    parents: Path
    outbox: Path
    log: Path
    gpu: str | None = None
    compiler_cache: Path | None = None


@dataclass(frozen=True)
class ProgramResult:
    """How a program ended that was run to its end.

    Attributes:
        exit_code: of its process; None if it was ended at its time limit.
        stdout: at most 64 KiB of its standard output; a submission may have written it.
        stderr: the end of its standard error, some kilobytes.
    """

    exit_code: int | None
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Trial:
    """A module of `benchmark.training.trials` to be run on a submission.

    Attributes:
        name: of the module.
        job_file: the task as JSON; its folder is the trial's own.
        submission: private copy of the submitted code.
        arguments: more of its command line.
        limit_s: its time limit in seconds.
    """

    name: str
    job_file: Path
    submission: Path
    arguments: tuple[str, ...]
    limit_s: float


class Trainer(Protocol):
    """A started trainer."""

    def poll(self) -> Evidence | None:
        """Return how it ended, or None while it runs.

        Raises:
            ExecutorError: the executor itself has failed, and no trainer of it can be watched any longer.
        """
        ...

    def kill(self) -> None:
        """End it and everything that it has started, and wait until all is gone; what is in its outbox stays."""


class Executor(Protocol):
    """A place where jobs run.

    Every executor promises:

    1. The place changes no bit: one job gives the same weights everywhere.
    2. One environment is named by one description, which holds no path and does not change while the executor lives.
    3. How a trainer ended is taken from the system, never from what it printed or wrote.
    4. A trainer ends when it is killed, whatever signals it ignores, with everything it has started; it stays ended.
    5. No trainer outlives its dispatcher, even one that was ended by SIGKILL; `recover` removes what a lost machine
       or engine has left. A `QueueExecutor` keeps its trainers instead: they go on, and the next dispatcher of the home
       attaches to them, so that none is started twice.
    6. A trainer gets nothing of the dispatcher's environment that is not on a list, so no secret.
    7. What a trainer or scorer prints is in a log file of at most some megabytes, its end kept, safe to show.
    8. A trial ends at its time limit, and its answer is bounded text, safe to show.
    9. A failure of the executor is never booked on a submission: it is an `ExecutorError`, or evidence that says so.
    10. A scorer that fails raises `ScorerError` with the end of its output and the path of the rest.

    Attributes:
        name: how users ask for it.
        isolation: what protects other data and programs from submitted code; the record repeats it.
    """

    name: str
    isolation: Isolation

    def pick_device(self, choice: str) -> Literal["cpu", "cuda"]:
        """Resolve `auto`, `cpu`, `cuda` or `cuda:0,2` to the device that trainers and the scorer will have.

        Raises:
            ValueError: a GPU was asked for and they cannot have it, in one sentence.
        """
        ...

    def environment(self, device: str) -> dict[str, Any]:
        """Return everything about the place that can change bits, as canonical JSON values."""
        ...

    def provenance(self, device: str) -> dict[str, Any]:
        """Return facts for the record that change no bits, such as Python's release or the ids of container images."""
        ...

    def recover(self, claims: Claims | None = None) -> int:
        """End what killed dispatchers of this home have left running, and return how much.

        Args:
            claims: of this dispatcher; what belongs to trees that others hold is left alone, and so is everything of
                which that cannot be told. Without them the caller holds the home's lock alone: else jobs of a living
                dispatcher would end.
        """
        ...

    def start(self, prepared: PreparedJob) -> Trainer:
        """Start a trainer; if that fails, `poll` of the trainer returned says why.

        Raises:
            OSError: this machine cannot start it.
            ExecutorError: the executor itself has failed.
        """
        ...

    def run_trial(
        self, name: str, job_file: Path, submission: Path, arguments: Sequence[str], device: str, limit_s: float
    ) -> ProgramResult:
        """Run a module of `benchmark.training.trials` on a submission, isolated as a trainer, without data.

        Raises:
            ExecutorError: it could not be started.
        """
        ...

    def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
        """Run the scorer to its end on the device that its job names.

        Args:
            job_file: the job as JSON, with paths of this machine.
            out: folder for its results.
            log: file for what it prints; an older one is replaced.
            on_wait: called several times per second until it has ended; an exception of it ends the scorer.

        Raises:
            ScorerError: it ended with an error.
            ExecutorError: it could not be started.
        """
        ...

    def close(self) -> None:
        """Release everything that the executor holds; it starts nothing afterwards."""


@runtime_checkable
class ManyTrialsExecutor(Protocol):
    """What an executor has besides that runs many trials in less time than one after another."""

    def run_trials(self, trials: Sequence[Trial], at_once: int) -> list[ProgramResult]:
        """Run trials on the processor as `run_trial` does, some at a time; return how they ended, in their order.

        Raises:
            ExecutorError: they could not be started.
        """
        ...


@runtime_checkable
class QueueExecutor(Protocol):
    """What an executor has besides whose jobs wait in a scheduler's queue, and go on without their dispatcher.

    Attributes:
        jobs_at_once: most trainers in the queue at the same time; no two share a device.
        scoring_workers: processes of the scorer that may work at the same time.
    """

    @property
    def jobs_at_once(self) -> int: ...

    @property
    def scoring_workers(self) -> int: ...


@runtime_checkable
class SpreadingExecutor(Protocol):
    """What an executor has besides that spreads trainers over several GPUs of this machine.

    Attributes:
        gpus: ids of the GPUs that `pick_device` has chosen; empty on a CPU. A trainer sees one, the scorer all of them.
    """

    @property
    def gpus(self) -> tuple[str, ...]: ...


@runtime_checkable
class QueuedTrainer(Protocol):
    """What a trainer has besides that waits in a scheduler's queue."""

    @property
    def is_waiting(self) -> bool:
        """Whether it is in the queue or suspended: no progress is to be expected then."""
        ...

    def leave(self) -> None:
        """Leave it in the queue: the next dispatcher of the home goes on with it."""
