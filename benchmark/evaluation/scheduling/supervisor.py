"""Supervising trainers: start as many as fit, collect states as they appear, end those that stand still."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmark.evaluation.scheduling.eta import JobProgress, JobsProgress, JobState
from benchmark.executors.base import Executor, PreparedJob, QueuedTrainer, Trainer
from benchmark.executors.failure import Evidence
from benchmark.store.collector import collect, names_to_collect, read_failures, read_progress
from benchmark.store.origin import read_job_origin
from benchmark.store.slots import Slot, Slots
from benchmark.store.state_store import Store
from benchmark.training.training_job import Progress, SegmentFailure

POLL_EVERY_S = 0.1


@dataclass(frozen=True)
class JobResult:
    """How one job ended.

    Attributes:
        prepared: the job.
        evidence: what the supervisor saw.
        failures: by segment, as the trainer reported them.
        has_started: whether anything was seen of the trainer: progress, a state or an error.
    """

    prepared: PreparedJob
    evidence: Evidence
    failures: dict[str, SegmentFailure]
    has_started: bool = True


class _SupervisedJob:
    """One job from its start to its result."""

    def __init__(self, prepared: PreparedJob, store: Store, stall_s: float) -> None:
        self.prepared, self._store, self._stall_s = prepared, store, stall_s
        self.progress = Progress(num_updates=0, loss=None)
        self.result: JobResult | None = None
        self._trainer: Trainer | None = None
        self._slot: Slot | None = None
        # Named while its trainer runs alone: half a MiB in a large plan, for each of its seeds.
        self._wanted, self._made_by = frozenset[str](), read_job_origin(prepared.job_file)
        self._last_progress, self._refused, self._has_started = 0.0, None, False

    @property
    def state(self) -> JobState:
        """Where the job is."""
        if self.result is not None:
            return "ended"
        return "waiting" if self._trainer is None else "running"

    def start(self, executor: Executor, slot: Slot | None) -> None:
        """Start its trainer in a slot; one that cannot be started has ended."""
        self._slot, self._wanted = slot, names_to_collect(self.prepared.job)
        try:
            prepared = self.prepared if slot is None or slot.gpu is None else replace(self.prepared, gpu=slot.gpu)
            self._trainer = executor.start(prepared)
        except OSError as error:
            self._end(Evidence(exit_code=None, start_error=str(error)))
        self._last_progress = time.monotonic()

    def look_after(self) -> None:
        """Collect what is there, read how far it is, and end a trainer that stands still."""
        assert self._trainer is not None
        evidence = self._trainer.poll()
        self.collect()
        if isinstance(self._trainer, QueuedTrainer) and self._trainer.is_waiting:
            self.progress, self._last_progress = Progress(num_updates=0, loss=None), time.monotonic()
        progress = read_progress(self.prepared.outbox, self.prepared.job)
        self._has_started |= progress is not None
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
        self._refused = collect(self.prepared.outbox, self._wanted, self._store, self._made_by) or self._refused

    def kill(self) -> None:
        """End its trainer."""
        if self._trainer is not None:
            self._trainer.kill()
        self._leave_slot()

    def leave(self) -> None:
        """Leave its trainer in the queue where it can go on without a dispatcher, else end it."""
        if isinstance(self._trainer, QueuedTrainer):
            self._trainer.leave()
        else:
            self.kill()

    def _leave_slot(self) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.release()

    def _end(self, evidence: Evidence) -> None:
        self._leave_slot()
        self._wanted = frozenset[str]()
        failures = read_failures(self.prepared.outbox)
        has_started = self._has_started or self._refused is not None or bool(failures)
        self.result = JobResult(self.prepared, evidence, failures, has_started)


def supervise(
    executor: Executor, jobs: Sequence[PreparedJob], store: Store, *, workers: int, stall_s: float,
    on_progress: Callable[[JobsProgress], None], slots: Slots | None = None,
) -> list[JobResult]:  # fmt: skip
    """Run jobs, at most `workers` at a time, in their order, until all have ended.

    Args:
        executor: where they run.
        jobs: what to run.
        store: where finished states go, as soon as they appear in an outbox.
        workers: how many at a time.
        stall_s: seconds without progress after which a trainer is ended.
        on_progress: called several times per second with how far every job is.
        slots: shared with other dispatchers; every trainer takes one. None where a queue decides.

    Returns:
        How each job ended, in the order of the jobs. Whatever happens, no trainer is left running, unless the user
        interrupts and the trainers wait in a queue: these go on.
    """
    supervised = [_SupervisedJob(job, store, stall_s) for job in jobs]
    interrupted = False
    try:
        while any(each.result is None for each in supervised):
            _start_waiting(supervised, executor, workers, slots)
            time.sleep(POLL_EVERY_S)
            for each in _running(supervised):
                each.look_after()
            on_progress(_progress_of(supervised))
    except KeyboardInterrupt:
        interrupted = True
        raise
    finally:
        left = _running(supervised)
        for each in left:
            if interrupted:
                each.leave()
            else:
                each.kill()
        if slots is not None:
            slots.give_way()
        for each in left:  # only when all are gone: collecting may fail, for instance on a full disk
            each.collect()
    return [each.result for each in supervised if each.result is not None]


def _running(supervised: Sequence[_SupervisedJob]) -> list[_SupervisedJob]:
    return [each for each in supervised if each.state == "running"]


def _start_waiting(
    supervised: Sequence[_SupervisedJob], executor: Executor, workers: int, slots: Slots | None
) -> None:
    for each in supervised:
        if len(_running(supervised)) >= workers:
            return
        if each.state != "waiting":
            continue
        slot = slots.try_take() if slots is not None else None
        if slots is not None and slot is None:
            if not _running(supervised):
                slots.say_for_whom()
            return
        each.start(executor, slot)


def _progress_of(supervised: Sequence[_SupervisedJob]) -> JobsProgress:
    losses = [each.progress.loss for each in _running(supervised) if each.progress.loss is not None]
    jobs = tuple(JobProgress(each.state, each.progress.num_updates) for each in supervised)
    return JobsProgress(jobs, losses[-1] if losses else None)
