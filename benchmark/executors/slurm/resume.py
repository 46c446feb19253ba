"""What is left of a trainer's job that Slurm has started again: from the states that its earlier start has left.

Those are in its outbox, or in the store, where a dispatcher has taken them. Nothing is taken or removed here: that is
the dispatcher's work, which may go on at the same time. A submission has written the outbox: no link in it is followed,
since what is read here is read by the user, outside of the container.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
from pathlib import Path

from benchmark.executors.slurm.node_job import JobFolder
from benchmark.files.bounded import RefusedFile
from benchmark.plan.tree import Segment, segments_left
from benchmark.recording.isolation import Isolation
from benchmark.store.handed_over import copy_handed_over
from benchmark.store.outbox import NotHeld, pinned
from benchmark.store.sizes import SIZE_LIMITS
from benchmark.store.state_store import Store
from benchmark.training.state_files import ENCODER_FILE, MASK_FILE, METHOD_FILE
from benchmark.training.training_job import TrainingJob

logger = logging.getLogger(__name__)


class LeftStates:
    """The states that an earlier start of a job has left, in its outbox or in the store of its home.

    Args:
        folder: of the job.
        store: of its home.
        at_least: isolation of the job. A stored state that was made with less does not count: what is trained from it
            would be no more isolated, and the job's dispatcher has promised more.
    """

    def __init__(self, folder: JobFolder, store: Store, at_least: Isolation = "none") -> None:
        self._outbox, self._parents, self._store = folder.outbox, folder.parents, store
        self._at_least: Isolation = at_least

    def rest(self, job: TrainingJob) -> tuple[Segment, ...]:
        """Return the segments of a job that are left to train, each from its latest checkpoint, parents first."""
        wanted = [segment.key for segment in job.segments]
        return tuple(segments_left(job.segments, job.root, job.checkpoint_interval, wanted, self._is_there))

    def _is_there(self, key: str, resumable: bool) -> bool:
        needed = METHOD_FILE if resumable else ENCODER_FILE
        is_in_outbox = _is_own_folder(self._outbox / key) and all(
            _is_own_file(self._outbox / key / name) for name in {needed, ENCODER_FILE, MASK_FILE}
        )
        return is_in_outbox or self._store.has(key, resumable=resumable, at_least=self._at_least)

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
                with pinned(source) as held:
                    for name in (ENCODER_FILE, MASK_FILE, METHOD_FILE):
                        copy_handed_over(held / name, unfinished / name, 0, SIZE_LIMITS[name])
            except (NotHeld, RefusedFile) as error:  # mostly: the dispatcher has taken it into the store
                logger.debug("%s is not taken from %s: %s", key[:12], source, error)
                continue
            unfinished.rename(self._parents / key)
            return
        raise FileNotFoundError(f"the state {key[:12]}, which a job continues, is gone")


def _is_own_folder(path: Path) -> bool:
    return _has_kind(path, stat.S_IFDIR)


def _is_own_file(path: Path) -> bool:
    return _has_kind(path, stat.S_IFREG)


def _has_kind(path: Path, kind: int) -> bool:
    """Return whether there is such an entry itself, and not a link to one."""
    try:
        return stat.S_IFMT(os.lstat(path).st_mode) == kind
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            logger.debug("%s counts as missing: %s", path, error)
        return False


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
    container = folder.read().container
    return LeftStates(folder, Store(home / "segments"), "none" if container is None else container.runtime)
