"""Supervising trainers: start as many as fit, collect states as they appear, end those that stand still."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from benchmark.evaluation.scheduling.eta import JobStanding, Standing
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


@dataclass
class JobResult:
    """How one job ended.

    Attributes:
        prepared: the job.
        evidence: what was seen.
        errors: tracebacks by segment, as told by the trainer: text for people, never a verdict.
    """

    prepared: PreparedJob
    evidence: Evidence
    errors: dict[str, str]


@dataclass
class _Running:
    position: int
    prepared: PreparedJob
    trainer: Trainer
    wanted: frozenset[str]
    progress: Progress = field(default_factory=lambda: Progress(num_updates=0, loss=None))
    last_progress: float = field(default_factory=time.monotonic)
    refused: str | None = None


def supervise(
    executor: Executor, jobs: Sequence[PreparedJob], store: Store, *, workers: int, stall_s: float,
    on_progress: Callable[[Standing], None],
) -> list[JobResult]:  # fmt: skip
    """Run jobs, `workers` at a time, in their order, until all have ended.

    Args:
        executor: where they run.
        jobs: what to run.
        store: where finished states go, as soon as they appear in an outbox.
        workers: how many at a time.
        stall_s: seconds without progress after which a trainer is ended.
        on_progress: told how far every job is, several times per second.

    Returns:
        How each job ended, in order of ending. Whatever happens, no trainer is left running.
    """
    waiting, running, ended = list(enumerate(jobs)), list[_Running](), list[JobResult]()
    standings = [JobStanding("waiting", 0)] * len(jobs)
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                position, prepared = waiting.pop(0)
                try:
                    trainer = executor.start(prepared)
                except OSError as error:
                    standings[position] = JobStanding("ended", 0)
                    ended.append(JobResult(prepared, Evidence(exit_code=None, start_error=str(error)), {}))
                else:
                    running.append(_Running(position, prepared, trainer, names_to_collect(prepared.job)))
            time.sleep(POLL_EVERY_S)
            for each in list(running):
                evidence = _look_after(each, store, stall_s)
                standings[each.position] = JobStanding("ended" if evidence else "running", each.progress.num_updates)
                if evidence is not None:
                    running.remove(each)
                    ended.append(JobResult(each.prepared, evidence, _read_failures(each.prepared)))
            losses = [each.progress.loss for each in running if each.progress.loss is not None]
            on_progress(Standing(tuple(standings), losses[-1] if losses else None))
    finally:
        for each in running:
            each.trainer.kill()
        for each in running:  # only now: collecting may fail, for instance on a full disk
            collect(each.prepared.outbox, each.wanted, store)
    return ended


def _look_after(running: _Running, store: Store, stall_s: float) -> Evidence | None:
    """Collect what is there; give the evidence once the trainer has ended or stood still for too long."""
    evidence = running.trainer.poll()
    running.refused = collect(running.prepared.outbox, running.wanted, store) or running.refused
    progress = _read_progress(running.prepared)
    if progress is not None and progress.num_updates > running.progress.num_updates:
        running.progress, running.last_progress = progress, time.monotonic()
    if evidence is None and time.monotonic() - running.last_progress > stall_s:
        running.trainer.kill()
        evidence = Evidence(exit_code=None, past_deadline=True)
        running.refused = collect(running.prepared.outbox, running.wanted, store) or running.refused
    return evidence and replace(evidence, refused_file=running.refused or evidence.refused_file)


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
