"""A trainer as a job of Slurm: it waits in the queue, may be requeued, and goes on when its dispatcher ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from pydantic import ValidationError

from benchmark.executors.base import PreparedJob
from benchmark.executors.failure import Evidence
from benchmark.executors.slurm.node_job import JobFolder
from benchmark.executors.slurm.scheduler import SUBMIT_AGAIN_S, LimitReachedError, Scheduler, SlurmError
from benchmark.executors.slurm.states import JobView, evidence_of
from benchmark.files.atomic import write_atomically
from benchmark.files.bounded import RefusedFile, read_handed_over
from benchmark.store.collector import MAX_SIDE_FILE_BYTES, names_to_collect, read_progress
from benchmark.training.state_files import FAILURES_FILE, PROGRESS_FILE
from benchmark.training.training_job import TrainingJob

logger = logging.getLogger(__name__)

_HOPELESS = ("PartitionTimeLimit", "BadConstraints", "PartitionNodeLimit", "InvalidAccount", "InvalidQOS",
             "AccountNotAllowed", "QOSNotAllowed", "JobHeld", "ReqNodeNotAvail", "PartitionDown")  # fmt: skip
"""Beginnings of reasons for which a job may wait without end."""


class SlurmTrainer:
    """A trainer in a job of its own.

    Args:
        folder: of the job.
        scheduler: Slurm.
        submit: submits the job and returns Slurm's number of it; None where it is in the queue already.
    """

    def __init__(self, folder: JobFolder, scheduler: Scheduler, submit: Callable[[], str] | None) -> None:
        self.folder, self._scheduler, self._submit = folder, scheduler, submit
        self._job_id = folder.job_id if submit is None else None
        self._submitted = -SUBMIT_AGAIN_S
        self._evidence: Evidence | None = None
        self._warned = ""
        self._is_waiting = True

    @property
    def job_id(self) -> str | None:
        """Slurm's number of the job; None before it is submitted."""
        return self._job_id

    @property
    def has_ended(self) -> bool:
        """Whether its end was seen."""
        return self._evidence is not None

    @property
    def is_waiting(self) -> bool:
        """Whether it is in the queue or suspended: no progress is to be expected then."""
        return self._is_waiting

    def poll(self) -> Evidence | None:
        """Return how it ended, or None while it waits or runs.

        Raises:
            SlurmError: no trainer may run on the node, or Slurm does not answer any longer.
        """
        if self._evidence is None and self._ensure_submitted():
            assert self._job_id is not None
            view = self._scheduler.view(self._job_id, now=self.folder.has_end())
            self._note(view)
            self._evidence = self._with_words(evidence_of(view, self.folder.end(), self.folder.was_over_memory()))
            self._demand_fit_node()
        return self._evidence

    def _with_words(self, evidence: Evidence | None) -> Evidence | None:
        """Add what the process that looked after the job has said, where nothing else says how it ended."""
        if evidence is None or evidence.lost is None or self.folder.has_end():
            return evidence
        return replace(evidence, lost=f"{evidence.lost} ({self.folder.said() or 'it has printed nothing'})")

    def _ensure_submitted(self) -> bool:
        """Submit the job, if that has not been done; where the queue has no room for it, it is tried again later."""
        if self._job_id is None and self._submit is not None:
            if time.monotonic() - self._submitted < SUBMIT_AGAIN_S:
                return False
            self._submitted = time.monotonic()
            try:
                self._job_id = self._submit()
            except LimitReachedError as error:
                logger.warning("%s; it is submitted again in %.0f s", error, SUBMIT_AGAIN_S)
            except SlurmError as error:
                self._evidence = Evidence(exit_code=None, start_error=str(error))
        return self._job_id is not None

    def _note(self, view: JobView | None) -> None:
        self._is_waiting = view is not None and view.is_waiting
        if self._is_waiting:  # what an earlier start has said would hide that a new one makes progress
            with suppress(OSError):  # a submission may have made a folder of it, or closed the outbox
                (self.folder.outbox / PROGRESS_FILE).unlink(missing_ok=True)
        if view is not None and view.reason.startswith(_HOPELESS) and view.reason != self._warned:
            self._warned = view.reason
            logger.warning("job %s may wait without end: Slurm says %s", view.job_id, view.reason)

    def _demand_fit_node(self) -> None:
        end = self.folder.end() if self._evidence is not None else None
        if end is not None and end.unfit:
            raise SlurmError(end.unfit)

    def kill(self) -> None:
        """Cancel its job and wait until it has ended; what is in the outbox stays."""
        if self._evidence is None:
            if self._job_id is not None:
                self._scheduler.cancel(self._job_id)
            self._evidence = Evidence(exit_code=None)

    def leave(self) -> None:
        """Leave its job where it is: the next dispatcher of this home goes on with it."""
        if self._evidence is None and self._job_id is not None:
            logger.info("job %s goes on without its dispatcher", self._job_id)


class AttachedTrainer(SlurmTrainer):
    """A trainer that an earlier dispatcher has started. What it hands out is moved to where its new one looks.

    Args:
        folder: of the job.
        scheduler: Slurm.
        prepared: the new job, which asks for no more than the old one does.
    """

    def __init__(self, folder: JobFolder, scheduler: Scheduler, prepared: PreparedJob) -> None:
        super().__init__(folder, scheduler, None)
        self._prepared = prepared
        self._job = TrainingJob.read(folder.job_file)
        self._names = names_to_collect(self._job)
        self._updates_before = _num_updates(self._job) - _num_updates(prepared.job)

    def poll(self) -> Evidence | None:
        """Return how it ended, or None; everything that it handed out until then has been moved."""
        evidence = super().poll()
        self._forward()
        return evidence

    def kill(self) -> None:
        """Cancel its job, and move what it has handed out."""
        super().kill()
        self._forward()

    def _forward(self) -> None:
        for name in self._names:
            source = self.folder.outbox / name
            with suppress(PermissionError):  # a submission may have closed its outbox
                if source.is_dir() and not (self._prepared.outbox / name).exists():
                    source.rename(self._prepared.outbox / name)
        try:
            failures = read_handed_over(self.folder.outbox / FAILURES_FILE, MAX_SIDE_FILE_BYTES)
            write_atomically(self._prepared.outbox / FAILURES_FILE, failures, durable=False)
        except RefusedFile as error:  # it has nothing to say, or what submitted code has put there is no such file
            logger.debug("no %s of job %s is passed on: %s", FAILURES_FILE, self.job_id, error)
        self._forward_progress()

    def _forward_progress(self) -> None:
        """Count only the updates that the new job asks for; the others are in the store."""
        try:
            said = read_progress(self.folder.outbox, self._job)
        except (OSError, ValidationError) as error:
            logger.debug("how far job %s is cannot be read: %s", self.job_id, error)
            return
        if said is not None:
            left = said.model_copy(update={"num_updates": max(0, said.num_updates - self._updates_before)})
            write_atomically(self._prepared.outbox / PROGRESS_FILE, left.model_dump_json().encode(), durable=False)


def _num_updates(job: TrainingJob) -> int:
    return sum(segment.num_steps for segment in job.segments)
