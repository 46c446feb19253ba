"""Taking over what trainers hand out: finished states, how far they are, and what they say went wrong.

Everything in an outbox is the work of code that is not trusted. What it says is for people, never a verdict.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Set
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from benchmark.files.bounded import RefusedFile, read_handed_over
from benchmark.plan.tree import checkpoint_steps
from benchmark.store.claims import Claims, tree_of_job
from benchmark.store.layout import Home
from benchmark.store.origin import UNKNOWN, JobOrigin, read_job_origin
from benchmark.store.outbox import NotHeld, pinned, remove_tree
from benchmark.store.state_store import Store
from benchmark.training.state_files import FAILURES_FILE, METHOD_FILE, PROGRESS_FILE
from benchmark.training.training_job import Progress, SegmentFailure, TrainingJob

logger = logging.getLogger(__name__)

MAX_SIDE_FILE_BYTES = 4 << 20
_MAX_ERROR_CHARACTERS = 20_000
_MAX_OUTBOX_ENTRIES = 10_000


def collect(outbox: Path, wanted: Set[str], store: Store, made_by: JobOrigin = UNKNOWN) -> str | None:
    """Move every finished state of the `wanted` names from an outbox to the store. What is refused is removed.

    Args:
        outbox: where a trainer hands over its states.
        wanted: names of all states that its job may hand over.
        store: where they go.
        made_by: what is known of the job: the isolation of its states, and the sizes of their files.

    Returns:
        What was refused, if anything.
    """
    try:
        folders = [folder for folder in islice(outbox.iterdir(), _MAX_OUTBOX_ENTRIES) if folder.name in wanted]
    except OSError as error:
        return f"the outbox: {error.strerror}"
    refused = None
    for folder in folders:
        if folder.is_symlink() or not folder.is_dir():
            refused = f"{folder.name[:12]}: expected a folder, got another kind of file"
            _remove_file(folder)
            continue
        try:
            with pinned(folder) as source:
                _demand_room(source, wanted, store, made_by)
                store.publish(folder.name, source, made_by)
        except RefusedFile as error:
            refused = f"{folder.name[:12]}/{error}"
        except NotHeld as error:
            if error.errno == errno.ENOENT:
                continue  # the trainer took it away again
            refused = f"{folder.name[:12]}: expected an open folder, got {error.strerror}"
        remove_tree(folder)
    return refused


def _demand_room(source: Path, wanted: Set[str], store: Store, made_by: JobOrigin) -> None:
    """Refuse a state whose method's state, with those of the job that are stored, exceeds the bound of the job."""
    if made_by.sizes is None:
        return
    try:
        num_bytes = (source / METHOD_FILE).lstat().st_size
    except OSError as error:
        logger.debug("%s of a state is not counted: it is missing, or refused later: %s", METHOD_FILE, error)
        return
    limit = made_by.sizes.methods_limit
    if num_bytes + sum(store.method_bytes(key) for key in wanted) > limit:
        raise RefusedFile(f"{METHOD_FILE}: expected at most {limit:,} bytes in all states of the job, got more")


def _remove_file(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        logger.debug("%s stays in its outbox, which is removed with the job: %s", path, error)


def names_to_collect(job: TrainingJob) -> frozenset[str]:
    """Name every state that a job may deliver: the ends of its segments and the checkpoints inside them."""
    names = {segment.key for segment in job.segments}
    for segment in job.segments:
        names.update(segment.key_at(job.root, step) for step in checkpoint_steps(segment, job.checkpoint_interval))
    return frozenset(names)


def read_progress(outbox: Path, job: TrainingJob) -> Progress | None:
    """Read how far a trainer says it is; more updates than its job has are not believed, so a liar stands still."""
    try:
        said = Progress.model_validate_json(read_handed_over(outbox / PROGRESS_FILE, MAX_SIDE_FILE_BYTES))
    except (RefusedFile, ValidationError) as error:
        if os.path.lexists(outbox / PROGRESS_FILE):  # else it has not begun
            logger.debug("%s of a trainer is passed over, as if it stood still: %s", PROGRESS_FILE, error)
        return None
    total = sum(segment.num_steps for segment in job.segments)
    return Progress(num_updates=min(said.num_updates, total), loss=said.loss)


def read_failures(outbox: Path) -> dict[str, SegmentFailure]:
    """Read what a trainer says went wrong, by segment; lines that make no sense are left out."""
    try:
        lines = read_handed_over(outbox / FAILURES_FILE, MAX_SIDE_FILE_BYTES).splitlines()
    except RefusedFile as error:
        if os.path.lexists(outbox / FAILURES_FILE):  # else it had nothing to say
            logger.debug("no %s is read of a trainer: %s", FAILURES_FILE, error)
        return {}
    failures: dict[str, SegmentFailure] = {}
    for line in lines:
        try:
            failure = SegmentFailure.model_validate_json(line)
        except ValidationError as error:
            logger.debug("a line of %s makes no sense and is left out: %s", FAILURES_FILE, error)
            continue
        end = failure.error[-_MAX_ERROR_CHARACTERS:]
        failures.setdefault(failure.key, failure.model_copy(update={"error": end}))
    return failures


def adopt_leftovers(home: Home, store: Store, claims: Claims | None = None) -> None:
    """Take what trainers of killed dispatchers had finished, and remove their jobs; they died with them.

    Args:
        home: where.
        store: where states go.
        claims: of this dispatcher, which leaves jobs of trees alone that others hold. Without them, no other
            dispatcher is at work.
    """
    for folder in home.jobs.glob("*"):
        if claims is None:
            _adopt(folder, store)
            continue
        with claims.borrowed(tree_of_job(folder.name)) as is_nobodys:
            if is_nobodys:
                _adopt(folder, store)


def _adopt(folder: Path, store: Store) -> None:
    try:
        job = TrainingJob.model_validate_json((folder / "job.json").read_bytes())
    except (OSError, ValidationError) as error:
        logger.debug("a job that a killed dispatcher had not finished writing is removed: %s: %s", folder, error)
        remove_tree(folder)
        return
    collect(folder / "outbox", names_to_collect(job), store, read_job_origin(folder / "job.json"))
    remove_tree(folder)
