"""What can be removed from a home, and what is lost with it. The caller holds the home's lock.

It refuses to guess: trained states go only where their record is named, for without them it cannot be scored again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from benchmark.recording.archive import RejectedRecord, each_record, read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.spec import Problem, UserError
from benchmark.store.layout import Home, unfinished
from benchmark.store.outbox import remove_tree

OLD_LOG_S = 30 * 86400.0
"""Age of logs that may go."""


@dataclass(frozen=True)
class Garbage:
    """Files and folders that can be removed for one reason.

    Attributes:
        what: they are, and what is lost with them; one sentence.
        paths: where.
        num_bytes: on the disk.
    """

    what: str
    paths: tuple[Path, ...]
    num_bytes: int


def find_garbage(home: Home, records: Sequence[Path]) -> list[Garbage]:
    """Say what can be removed.

    Args:
        home: where.
        records: whose trained states may go as well.

    Raises:
        UserError: one of these is no record.
    """
    found = [*_half_made(home), *_damaged(home), *_old_logs(home)]
    given = [_read(path) for path in records]
    named = {path.resolve() for path in records}
    needed = _needed_by_others(home, named) if given else set[str]()
    for record in given:
        found += _states(home, record, needed)
    return found


def _needed_by_others(home: Home, named: Set[Path]) -> set[str]:
    """Return the states of every record but the named ones; records are read one at a time."""
    kept = (each for each in each_record(home.records) if not isinstance(each, RejectedRecord))
    return {run.state_key for record, path in kept if path.resolve() not in named for run in record.runs}


def remove(garbage: Sequence[Garbage]) -> None:
    """Remove it; what may not be removed stays."""
    for path in (path for each in garbage for path in each.paths):
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            path.unlink(missing_ok=True)


def _half_made(home: Home) -> Iterator[Garbage]:
    paths = unfinished(home)
    if paths:
        yield _garbage(f"{len(paths)} half-made files and folders of calls that were killed", paths)


def _damaged(home: Home) -> Iterator[Garbage]:
    paths = list(home.damaged.glob("*"))
    if paths:
        yield _garbage(f"{len(paths)} damaged states, which nothing reads", paths)


def _old_logs(home: Home) -> Iterator[Garbage]:
    paths = [path for path in home.logs.glob("*") if time.time() - path.lstat().st_mtime > OLD_LOG_S]
    if paths:
        yield _garbage(f"{len(paths)} logs older than {OLD_LOG_S / 86400:.0f} days", paths)


def _states(home: Home, record: EvaluationRecord, needed: set[str]) -> Iterator[Garbage]:
    keys = {run.state_key for run in record.runs} - needed
    paths = [path for key in sorted(keys) if (path := home.segments / key[:2] / key).is_dir()]
    if paths:
        said = f"{record.submission.name} on {record.spec_identity} of {record.created} can no longer be rescored"
        yield _garbage(f"{len(paths)} trained states: {said}, and its runs would be trained again", paths)


def _garbage(what: str, paths: Sequence[Path]) -> Garbage:
    return Garbage(what, tuple(paths), sum(_size(path) for path in paths))


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return sum(each.lstat().st_blocks * 512 for each in files)


def _read(path: Path) -> EvaluationRecord:
    try:
        return read_record(path)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError([Problem(str(path), "a record (JSON)", str(error)[:200])]) from error
