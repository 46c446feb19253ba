"""Supervising trainers: start as many as fit, collect states as they appear, end those that stand still."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from benchmark.evaluation.scheduling.eta import JobProgress, JobsProgress, JobState
from benchmark.executors.base import Executor, PreparedJob, Trainer
from benchmark.executors.failure import Evidence
from benchmark.files.bounded import RefusedFile, read_handed_over
from benchmark.plan import Segment
from benchmark.store.layout import Home
from benchmark.store.outbox import NotHeld, pinned, remove_tree
from benchmark.store.state_store import Store
from benchmark.training.trainer import FAILURES_FILE, PROGRESS_FILE
from benchmark.training.training_job import Progress, SegmentFailure, TrainingJob

POLL_EVERY_S = 0.1
_MAX_SIDE_FILE_BYTES = 4 << 20
_MAX_ERROR_CHARS = 20_000
_MAX_OUTBOX_ENTRIES = 10_000


@dataclass(frozen=True)
class JobResult:
    """How one job ended.

    Attributes:
        prepared: the job.
        evidence: what the supervisor saw.
        errors: tracebacks by segment, as the trainer reported them: text for people, never a verdict.
    """

    prepared: PreparedJob
    evidence: Evidence
    errors: dict[str, str]


class _SupervisedJob:
    """One job from its start to its result."""

    def __init__(self, prepared: PreparedJob, store: Store, stall_s: float) -> None:
        self.prepared, self._store, self._stall_s = prepared, store, stall_s
        self.progress = Progress(num_updates=0, loss=None)
        self.result: JobResult | None = None
        self._trainer: Trainer | None = None
        self._wanted = names_to_collect(prepared.job)
        self._last_progress, self._refused = 0.0, None

    @property
    def state(self) -> JobState:
        """Where the job is."""
        if self.result is not None:
            return "ended"
        return "waiting" if self._trainer is None else "running"

    def start(self, executor: Executor) -> None:
        """Start its trainer; one that cannot be started has ended."""
        try:
            self._trainer = executor.start(self.prepared)
        except OSError as error:
            self._end(Evidence(exit_code=None, start_error=str(error)))
        self._last_progress = time.monotonic()

    def look_after(self) -> None:
        """Collect what is there, read how far it is, and end a trainer that stands still."""
        assert self._trainer is not None
        evidence = self._trainer.poll()
        self.collect()
        progress = _read_progress(self.prepared)
        if progress is not None and progress.num_updates > self.progress.num_updates:
            self.progress, self._last_progress = progress, time.monotonic()
        if evidence is None and time.monotonic() - self._last_progress > self._stall_s:
            self.kill()
            evidence = Evidence(exit_code=None, past_deadline=True)
            self.collect()
        if evidence is not None:
            self._end(replace(evidence, refused_file=self._refused or evidence.refused_file))

    def collect(self) -> None:
        """Take finished states from its outbox into the store."""
        self._refused = collect(self.prepared.outbox, self._wanted, self._store) or self._refused

    def kill(self) -> None:
        """End its trainer."""
        if self._trainer is not None:
            self._trainer.kill()

    def _end(self, evidence: Evidence) -> None:
        self.result = JobResult(self.prepared, evidence, _read_failures(self.prepared))


def supervise(
    executor: Executor, jobs: Sequence[PreparedJob], store: Store, *, workers: int, stall_s: float,
    on_progress: Callable[[JobsProgress], None],
) -> list[JobResult]:  # fmt: skip
    """Run jobs, `workers` at a time, in their order, until all have ended.

    Args:
        executor: where they run.
        jobs: what to run.
        store: where finished states go, as soon as they appear in an outbox.
        workers: how many at a time.
        stall_s: seconds without progress after which a trainer is ended.
        on_progress: called several times per second with how far every job is.

    Returns:
        How each job ended, in the order of the jobs. Whatever happens, no trainer is left running.
    """
    supervised = [_SupervisedJob(job, store, stall_s) for job in jobs]
    try:
        while any(each.result is None for each in supervised):
            _start_waiting(supervised, executor, workers)
            time.sleep(POLL_EVERY_S)
            for each in _running(supervised):
                each.look_after()
            on_progress(_progress_of(supervised))
    finally:
        left = _running(supervised)
        for each in left:
            each.kill()
        for each in left:  # only when all are gone: collecting may fail, for instance on a full disk
            each.collect()
    return [each.result for each in supervised if each.result is not None]


def _running(supervised: Sequence[_SupervisedJob]) -> list[_SupervisedJob]:
    return [each for each in supervised if each.state == "running"]


def _start_waiting(supervised: Sequence[_SupervisedJob], executor: Executor, workers: int) -> None:
    for each in supervised:
        if len(_running(supervised)) >= workers:
            return
        if each.state == "waiting":
            each.start(executor)


def _progress_of(supervised: Sequence[_SupervisedJob]) -> JobsProgress:
    losses = [each.progress.loss for each in _running(supervised) if each.progress.loss is not None]
    jobs = tuple(JobProgress(each.state, each.progress.num_updates) for each in supervised)
    return JobsProgress(jobs, losses[-1] if losses else None)


def collect(outbox: Path, wanted: Set[str], store: Store) -> str | None:
    """Move every finished state of the `wanted` names from an outbox to the store; says what was refused, if any."""
    try:
        folders = [folder for folder in islice(outbox.iterdir(), _MAX_OUTBOX_ENTRIES) if folder.name in wanted]
    except OSError as error:
        return f"the outbox: {error.strerror}"
    refused = None
    for folder in folders:
        if folder.is_symlink() or not folder.is_dir():
            refused = f"{folder.name[:12]}: expected a folder, got another kind of file"
            continue
        try:
            with pinned(folder) as source:
                store.publish(folder.name, source)
        except RefusedFile as error:
            refused = f"{folder.name[:12]}/{error}"
        except NotHeld as error:
            if error.errno != errno.ENOENT:  # else it was taken away again by whoever put it there
                refused = f"{folder.name[:12]}: expected an open folder, got {error.strerror}"
            continue
        remove_tree(folder)
    return refused


def names_to_collect(job: TrainingJob) -> frozenset[str]:
    """Name every state that a job may deliver: the ends of its segments and the checkpoints inside them."""
    names = {segment.key for segment in job.segments}
    for segment in job.segments:
        names.update(segment.key_at(job.root, step) for step in checkpoint_steps(segment, job.checkpoint_interval))
    return frozenset(names)


def checkpoint_steps(segment: Segment, interval: int) -> range:
    """List the steps strictly inside a segment where a state may have been saved."""
    return range((segment.start // interval + 1) * interval, segment.stop, interval)


def _read_progress(prepared: PreparedJob) -> Progress | None:
    """Read how far a trainer says it is; more updates than its job has are not believed, so a liar stands still."""
    try:
        told = Progress.model_validate_json(read_handed_over(prepared.outbox / PROGRESS_FILE, _MAX_SIDE_FILE_BYTES))
    except (RefusedFile, ValidationError):
        return None
    total = sum(segment.num_steps for segment in prepared.job.segments)
    return Progress(num_updates=min(told.num_updates, total), loss=told.loss)


def _read_failures(prepared: PreparedJob) -> dict[str, str]:
    """Read what a trainer says went wrong, line by line; lines that make no sense are left out."""
    try:
        lines = read_handed_over(prepared.outbox / FAILURES_FILE, _MAX_SIDE_FILE_BYTES).splitlines()
    except RefusedFile:
        return {}
    failures: dict[str, str] = {}
    for line in lines:
        try:
            failure = SegmentFailure.model_validate_json(line)
        except ValidationError:
            continue
        failures.setdefault(failure.key, failure.error[-_MAX_ERROR_CHARS:])
    return failures


def adopt_leftovers(home: Home, store: Store) -> None:
    """Take what trainers of a killed dispatcher had finished, and remove their jobs; they died with it."""
    for folder in home.jobs.glob("*"):
        try:
            job = TrainingJob.model_validate_json((folder / "job.json").read_bytes())
        except (OSError, ValidationError):
            remove_tree(folder)
            continue
        collect(folder / "outbox", names_to_collect(job), store)
        remove_tree(folder)
