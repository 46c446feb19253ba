"""Jobs that an earlier dispatcher of the home has left in the queue, and what they had handed out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from benchmark.executors.slurm.node_job import FOLDER, JobFolder, Kind
from benchmark.executors.slurm.options import SlurmOptions
from benchmark.executors.slurm.scheduler import NAME_PREFIX, Scheduler, queue_of_user, run_command
from benchmark.executors.slurm.states import JobView
from benchmark.store.claims import Claims, tree_of_job
from benchmark.store.collector import collect, names_to_collect
from benchmark.store.layout import Home
from benchmark.store.origin import read_job_origin
from benchmark.store.outbox import remove_tree
from benchmark.store.state_store import Store
from benchmark.training.training_job import TrainingJob

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeftJob:
    """A job of a home, and how it stands.

    Attributes:
        folder: of the job.
        kind: of its program; None where that cannot be read.
        view: what Slurm says; None where it knows nothing of it.
        was_submitted: whether it was before Slurm was asked, so that the answer tells of it.
    """

    folder: JobFolder
    kind: Kind | None
    view: JobView | None
    was_submitted: bool

    @property
    def is_alive(self) -> bool:
        """Whether it waits or runs."""
        return self.view is not None and self.view.is_alive


def left_jobs(root: Path, ask: Callable[[], Mapping[str, JobView]]) -> list[LeftJob]:
    """List all jobs of a home. Those that come while Slurm is asked are left out: its answer may tell nothing of them.

    Args:
        root: the home.
        ask: gives all jobs of the user, by Slurm's number.
    """
    folders = [JobFolder(path) for path in sorted((root / FOLDER).glob("*")) if path.is_dir()]
    were_submitted = [folder.job_id is not None for folder in folders]
    views = ask()
    return [_left_job(*each, views) for each in zip(folders, were_submitted, strict=True)]


def _left_job(folder: JobFolder, was_submitted: bool, views: Mapping[str, JobView]) -> LeftJob:
    """Look how a job stands.

    A dispatcher that was killed between submitting a job and writing its number is the reason why names count too.
    """
    name = f"{NAME_PREFIX}{folder.path.name}"
    view = views.get(folder.job_id or "") or next((v for v in views.values() if v.is_alive and v.name == name), None)
    if view is not None and folder.job_id is None:
        folder.write_id(view.job_id)
    try:
        kind = folder.read().kind
    except (OSError, ValueError, TypeError) as error:
        logger.debug("%s is no complete job: %s", folder.path, error)
        kind = None
    return LeftJob(folder, kind, view, was_submitted)


def take_states(home: Home, folder: JobFolder) -> TrainingJob | None:
    """Take what a trainer has handed out into the store; return its job, or None where there is none."""
    try:
        job = TrainingJob.read(folder.job_file)
    except (OSError, ValidationError) as error:
        logger.debug("%s holds no trainer's job: %s", folder.path, error)
        return None
    collect(folder.outbox, names_to_collect(job), Store(home.segments), read_job_origin(folder.job_file))
    return job


class LeftTrainers:
    """Trainers in the queue that earlier dispatchers have submitted, by the root of their tree."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[JobFolder, TrainingJob]] = {}

    def take_over(
        self, home: Home, scheduler: Scheduler, claims: Claims | None, mine: Sequence[JobFolder]
    ) -> int:
        """Keep trainers that go on, take the states and remove the folders of others; return how many jobs were ended.

        Args:
            home: whose jobs.
            scheduler: of the cluster.
            claims: of this dispatcher. With them, scorers and trials are left alone, and trainers of trees that others
                hold. Without, no other dispatcher is at work.
            mine: folders of trainers that this dispatcher has started.
        """
        num_ended = 0
        if not (home.root / FOLDER).is_dir():
            return 0
        for left in left_jobs(home.root, scheduler.views):
            if claims is None:
                num_ended += self._take(left, home, scheduler)
            elif left.kind == "trainer" and left.folder not in mine:
                with claims.borrowed(tree_of_job(left.folder.path.name)) as is_nobodys:
                    if is_nobodys and left.view is None and not left.was_submitted:  # nobody submits it from now on
                        num_ended += self._take(_left_job(left.folder, True, scheduler.views()), home, scheduler)
                    elif is_nobodys:
                        num_ended += self._take(left, home, scheduler)
        return num_ended

    def _take(self, left: LeftJob, home: Home, scheduler: Scheduler) -> int:
        job = take_states(home, left.folder) if left.kind == "trainer" else None
        if left.is_alive and job is not None and self._found.get(job.root, (left.folder, job))[0] == left.folder:
            self._found[job.root] = (left.folder, job)
            return 0
        if left.is_alive and left.view is not None:
            scheduler.cancel(left.view.job_id)
        remove_folder(left.folder)
        return int(left.is_alive)

    def pop(self, root: str) -> tuple[JobFolder | None, TrainingJob | None]:
        """Return the trainer of a tree, once; none where there is none, or another dispatcher went on with it."""
        folder, job = self._found.pop(root, (None, None))
        return (folder, job) if folder is not None and folder.job_file.is_file() else (None, None)


def remove_folder(folder: JobFolder) -> None:
    """Remove the folder of a job that has ended."""
    remove_tree(folder.path)


def cancel_all(home: Home) -> int:
    """End all jobs of a home, take what its trainers have finished, and return how many jobs were ended.

    The caller holds the home's lock alone.

    Raises:
        SlurmError: Slurm does not answer, or a job does not end.
    """
    found = left_jobs(home.root, queue_of_user) if (home.root / FOLDER).is_dir() else []
    alive = [each.view.job_id for each in found if each.view is not None and each.view.is_alive]
    if alive:
        run_command("scancel", *alive)
        scheduler = Scheduler(SlurmOptions())
        for job_id in alive:
            scheduler.cancel(job_id)
    for each in found:
        if each.kind == "trainer":
            take_states(home, each.folder)
        remove_folder(each.folder)
    return len(alive)
