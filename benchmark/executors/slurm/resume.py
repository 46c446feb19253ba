"""What is left of a trainer's job that Slurm has started again: from the states that its earlier start has left.

Those are in its outbox, or in the store, where a dispatcher has taken them. Nothing is taken or removed here: that is
the dispatcher's work, which may go on at the same time.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from benchmark.executors.slurm.node_job import JobFolder
from benchmark.files.bounded import RefusedFile
from benchmark.plan.tree import Segment, segments_left
from benchmark.recording.isolation import Isolation
from benchmark.store.handed_over import copy_handed_over, demand_size
from benchmark.store.origin import read_job_origin
from benchmark.store.outbox import NotHeld, pinned
from benchmark.store.sizes import StateSizes
from benchmark.store.state_store import Store, size_limits
from benchmark.training.state_files import ENCODER_FILE, MASK_FILE, METHOD_FILE
from benchmark.training.training_job import TrainingJob

logger = logging.getLogger(__name__)

_CONTINUED = (ENCODER_FILE, MASK_FILE, METHOD_FILE)
"""Files of a state that training can go on from."""


class LeftStates:
    """The states that an earlier start of a job has left, in its outbox or in the store of its home.

    Submitted code has written into the outbox: what is no folder with regular files of a permitted size is not there. A
    link would bring any file of this user to where the next start can read it.

    Args:
        folder: of the job.
        store: of its home.
        at_least: isolation of the job. A stored state that was made with less does not count: what is trained from it
            would be no more isolated, and the job's dispatcher has promised more.
        sizes: of the job's states; None where they are not known, so that only general bounds hold.
    """

    def __init__(
        self, folder: JobFolder, store: Store, at_least: Isolation = "none", sizes: StateSizes | None = None
    ) -> None:
        self._outbox, self._parents, self._store = folder.outbox, folder.parents, store
        self._at_least: Isolation = at_least
        self._sizes = sizes

    def rest(self, job: TrainingJob) -> tuple[Segment, ...]:
        """Return the segments of a job that are left to train, each from its latest checkpoint, parents first."""
        wanted = [segment.key for segment in job.segments]
        return tuple(segments_left(job.segments, job.root, job.checkpoint_interval, wanted, self._is_there))

    def _is_there(self, key: str, resumable: bool) -> bool:
        return self._is_handed_over(key, _CONTINUED if resumable else (ENCODER_FILE,)) or self._store.has(
            key, resumable=resumable, at_least=self._at_least
        )

    def _is_handed_over(self, key: str, names: tuple[str, ...]) -> bool:
        try:
            with pinned(self._outbox / key) as source:
                for name in names:
                    demand_size(source / name, *size_limits(name, self._sizes))
        except (NotHeld, RefusedFile) as error:
            logger.debug("%s is not in the outbox: %s", key[:12], error)
            return False
        return True

    def hand_over(self, segments: tuple[Segment, ...], root: str) -> None:
        """Put the states that segments continue where their trainer looks for them.

        Raises:
            OSError: one of them cannot be copied.
        """
        own = {segment.key for segment in segments}
        continued = {key for segment in segments for key in (segment.parent, *segment.anchors(root))}
        for key in continued - own - {None}:
            if key is not None and not (self._parents / key).is_dir():
                self._copy(key)

    def _copy(self, key: str) -> None:
        unfinished = self._parents / f"{key}.unfinished"
        for source in (self._outbox / key, self._store.path(key)):
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            try:
                with pinned(source) as folder:
                    for name in _CONTINUED:
                        copy_handed_over(folder / name, unfinished / name, *size_limits(name, self._sizes))
            except (NotHeld, RefusedFile) as error:  # the dispatcher may have taken it into the store
                logger.debug("%s is not in %s any more: %s", key[:12], source, error)
                continue
            unfinished.rename(self._parents / key)
            return
        raise FileNotFoundError(f"the state {key[:12]}, which a job continues, is gone")


def with_rest(folder: JobFolder, home: Path) -> tuple[Path, int]:
    """Write the job that is left, and hand over the states that it continues.

    Returns:
        The file of the job, and the number of updates that are left in it.
    """
    job, left = TrainingJob.read(folder.job_file), _left_states(folder, home)
    rest = left.rest(job)
    left.hand_over(rest, job.root)
    path = folder.path / "rest.json"
    path.write_text(job.model_copy(update={"segments": rest}).model_dump_json(), encoding="utf-8")
    return path, sum(segment.num_steps for segment in rest)


def updates_left(folder: JobFolder, home: Path) -> int:
    """Return how many updates would be left if the job were started again now."""
    job = TrainingJob.read(folder.job_file)
    return sum(segment.num_steps for segment in _left_states(folder, home).rest(job))


def _left_states(folder: JobFolder, home: Path) -> LeftStates:
    container, sizes = folder.read().container, read_job_origin(folder.job_file).sizes
    return LeftStates(folder, Store(home / "segments"), "none" if container is None else container.runtime, sizes)
