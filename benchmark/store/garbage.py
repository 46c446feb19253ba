"""What can be removed from a home, and what is lost with it. The caller holds the home's lock.

It refuses to guess: trained states go only where their record is named or a quota is given, for without them it cannot
be scored again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmark.recording.archive import RejectedRecord, each_record, read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.spec import Problem, UserError
from benchmark.store.layout import Home, unfinished
from benchmark.store.outbox import remove_tree

logger = logging.getLogger(__name__)

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


def find_garbage(home: Home, records: Sequence[Path], too_many_bytes: int | None = None) -> list[Garbage]:
    """Say what can be removed.

    Args:
        home: where.
        records: whose trained states may go as well.
        too_many_bytes: by how much the home takes more of the disk than it may (`home_size`): trained states of the
            oldest records go until it takes no more, or no record has any. States that no record names, of evaluations
            without an end, stay.

    Raises:
        UserError: one of these is no record, or states are to go and a record of the home cannot be read.
    """
    found = [*_half_made(home), *_damaged(home), *_old_logs(home), *_compiled(home)]
    given = [_Evaluation.of(_read(path)) for path in records]
    kept = _others(home, {path.resolve() for path in records}) if given or too_many_bytes is not None else []
    needed = {state for each in kept for state in each.states}
    for each in given:
        found += _states(home, each, each.states - needed)
        needed |= each.states  # of two that are named, the first one's: no byte is counted twice
    if too_many_bytes is not None:
        found += _oldest_states(home, kept, too_many_bytes - sum(each.num_bytes for each in found))
    return found


def home_size(home: Home) -> int:
    """Return how many bytes a home takes of the disk."""
    return _size(home.root)


@dataclass(frozen=True)
class _Evaluation:
    """What bears on states in a record.

    Attributes:
        what: whose record it is, of when; for people.
        created: when it was made, in UTC, in the order of the alphabet.
        states: that its runs end in.
    """

    what: str
    created: str
    states: frozenset[str]

    @classmethod
    def of(cls, record: EvaluationRecord) -> _Evaluation:
        what = f"{record.submission.name} on {record.spec_identity} of {record.created}"
        return cls(what, record.created, frozenset(run.state_key for run in record.runs))


def _others(home: Home, named: Set[Path]) -> list[_Evaluation]:
    """Return what bears on states in every record but the named ones; records are read one at a time.

    Raises:
        UserError: one cannot be read, so that nobody knows which states it needs.
    """
    found: list[_Evaluation] = []
    for each in each_record(home.records):
        if isinstance(each, RejectedRecord):
            expected = "a record that can be read, since it may need states that would go: move it away first"
            raise UserError([Problem(str(each.path), expected, each.why[:200])])
        if each[1].resolve() not in named:
            found.append(_Evaluation.of(each[0]))
    return found


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


def _compiled(home: Home) -> Iterator[Garbage]:
    if home.compiled.is_dir():
        yield _garbage("encoders as the compiler has compiled them: trainers compile them again", [home.compiled])


def _oldest_states(home: Home, evaluations: Sequence[_Evaluation], too_many_bytes: int) -> Iterator[Garbage]:
    """Yield states of one evaluation after the other, the oldest first; a state is the last one's that needs it."""
    ordered = sorted(evaluations, key=lambda each: each.created)
    last = {state: place for place, each in enumerate(ordered) for state in each.states}
    for place, each in enumerate(ordered):
        if too_many_bytes <= 0:
            return
        for garbage in _states(home, each, {state for state in each.states if last[state] == place}):
            too_many_bytes -= garbage.num_bytes
            yield garbage


def _states(home: Home, evaluation: _Evaluation, keys: Set[str]) -> Iterator[Garbage]:
    paths = [path for key in sorted(keys) if (path := home.segments / key[:2] / key).is_dir()]
    if paths:
        lost = "can no longer be rescored, and its runs would be trained again"
        yield _garbage(f"{len(paths)} trained states: {evaluation.what} {lost}", paths)


def _garbage(what: str, paths: Sequence[Path]) -> Garbage:
    return Garbage(what, tuple(paths), sum(_size(path) for path in paths))


def _size(path: Path) -> int:
    """Sum up what is there; what goes meanwhile, or cannot be looked at, counts nothing.

    Jobs in the queue of a cluster, MLflow's server and submitted code write into a home that is otherwise idle.
    """
    num_bytes, folders = 0, [str(path)] if path.is_dir() and not path.is_symlink() else []
    if not folders:
        with suppress(OSError):
            num_bytes = path.lstat().st_blocks * 512
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        num_bytes += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
        except OSError as error:
            logger.debug("%s counts nothing: %s", folder, error)
    return num_bytes


def _read(path: Path) -> EvaluationRecord:
    try:
        return read_record(path)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError([Problem(str(path), "a record (JSON)", str(error)[:200])]) from error
