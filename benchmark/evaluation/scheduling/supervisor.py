"""Supervising trainers: start as many as fit, collect states as they appear, end those that stand still."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from benchmark.evaluation.scheduling.eta import JobStanding, Standing
from benchmark.executors.base import Executor, PreparedJob, Trainer
from benchmark.executors.failure import Evidence
from benchmark.store.collector import collect, names_to_collect, read_failures, read_progress
from benchmark.store.state_store import Store
from benchmark.training.training_job import Progress

POLL_EVERY_S = 0.1


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
                    ended.append(JobResult(each.prepared, evidence, read_failures(each.prepared.outbox)))
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
    progress = read_progress(running.prepared.outbox, running.prepared.job)
    if progress is not None and progress.num_updates > running.progress.num_updates:
        running.progress, running.last_progress = progress, time.monotonic()
    if evidence is None and time.monotonic() - running.last_progress > stall_s:
        running.trainer.kill()
        evidence = Evidence(exit_code=None, past_deadline=True)
        running.refused = collect(running.prepared.outbox, running.wanted, store) or running.refused
    return evidence and replace(evidence, refused_file=running.refused or evidence.refused_file)
