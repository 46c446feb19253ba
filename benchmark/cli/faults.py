"""What is said when the machine cannot do what was asked: a sentence for every fault, and what to do about it.

Places that are to be written are asked for before anything is computed.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

_ADVICE = {
    errno.ENOSPC: "make room, then run the same command again to continue",
    errno.EDQUOT: "your quota is used up: make room, then run the same command again to continue",
    errno.EROFS: "the file system is mounted read-only: remount it, or name another folder with FMN_HOME",
    errno.EACCES: "you may not do this there: change the permissions, or name another folder with FMN_HOME",
    errno.EPERM: "you may not do this there: change the permissions, or name another folder with FMN_HOME",
    errno.EIO: "the disk reports an error: look at the system's log before you go on",
    errno.ESTALE: "a network file system lost this file: run the same command again to continue",
    errno.ENOLCK: "the file system has no locks left or knows none: put FMN_HOME on a local disk",
    errno.EOPNOTSUPP: "the file system cannot do this (locks or links): put FMN_HOME on a local disk",
    errno.ENOSYS: "the file system cannot do this (locks or links): put FMN_HOME on a local disk",
    errno.ENAMETOOLONG: "the path is too long: name a shorter folder with FMN_HOME",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n), then run the same command again to continue",
    errno.ENFILE: "too many files are open on this machine: run the same command again later to continue",
    errno.ENOMEM: "the machine has too little memory: end other programs, or raise the limit (ulimit -v)",
    errno.EAGAIN: "the machine starts no more processes or threads: raise the limit (ulimit -u), or end other programs",
    errno.EISDIR: "a folder stands where a file is needed: name a file, or move the folder away",
    errno.EEXIST: "a file stands where a folder is needed: name a folder, or move the file away",
    errno.ENOTDIR: "a file stands where a folder is needed: move it, or name another folder with FMN_HOME",
}

OUT_OF_MEMORY = f"out of memory\n{_ADVICE[errno.ENOMEM]}"

_NO_MEMORY = re.compile(
    r"(failed to map segment from shared object|cannot map zero-fill pages)(: Cannot allocate memory)?$"
    r"|can't allocate memory: you tried to allocate"
)
"""How libraries say it that raise no `MemoryError`: the loader of shared objects, torch."""


def in_plain_words(error: Exception) -> str | None:
    """Return what users are told of an exception; None where it is a fault of ours, whose traceback is needed."""
    from benchmark.executors.errors import ExecutorError
    from benchmark.spec import UserError
    from benchmark.store.layout import Home

    if isinstance(error, UserError | ExecutorError):
        return str(error)
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        return OUT_OF_MEMORY
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return f"{error}\n{_ADVICE[errno.EAGAIN]}"
    return fault_in_words(error, str(Home.from_environment().root)) if isinstance(error, OSError) else None


def fault_in_words(error: OSError, place: str) -> str | None:
    """Return what is wrong and what to do, on two lines; None for an error that no user can do anything about.

    Args:
        error: what the system said.
        place: a folder to name where the error names no file.
    """
    advice = _ADVICE.get(error.errno or 0)
    return None if advice is None else f"{error.strerror}: {error.filename or place}\n{advice}"


def demand_file(path: Path, where: str, what: str) -> None:
    """Refuse a path at which no file can be written.

    Args:
        path: as the user named it.
        where: the option or argument that names it.
        what: is written there, for instance "a file to write the bundle to".

    Raises:
        UserError: a folder is there, or its own folder cannot be written in.
    """
    from benchmark.files.destination import why_no_file

    _refuse(where, what, why_no_file(path))


def demand_folder(path: Path, where: str, what: str) -> None:
    """Refuse a path at which no folder can be made or written in; arguments as for `demand_file`.

    Raises:
        UserError: a file is there, or it cannot be written in.
    """
    from benchmark.files.destination import why_no_folder

    _refuse(where, what, why_no_folder(path))


def _refuse(where: str, expected: str, got: str | None) -> None:
    from benchmark.spec import Problem, UserError

    if got is not None:
        raise UserError([Problem(where, expected, got)])
