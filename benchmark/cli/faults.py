"""What is said when the machine cannot do what was asked: a sentence for every fault, and what to do about it."""

from __future__ import annotations

import errno

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
    errno.ENOTDIR: "a file stands where a folder is needed: move it, or name another folder with FMN_HOME",
}

OUT_OF_MEMORY = f"out of memory\n{_ADVICE[errno.ENOMEM]}"


def in_plain_words(error: Exception) -> str | None:
    """Return what users are told of an exception; None where it is a fault of ours, whose traceback is needed."""
    from benchmark.executors.errors import ExecutorError
    from benchmark.spec import UserError
    from benchmark.store.layout import Home

    if isinstance(error, UserError | ExecutorError):
        return str(error)
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    return fault_in_words(error, str(Home.from_environment().root)) if isinstance(error, OSError) else None


def fault_in_words(error: OSError, place: str) -> str | None:
    """Return what is wrong and what to do, on two lines; None for an error that no user can do anything about.

    Args:
        error: what the system said.
        place: a folder to name where the error names no file.
    """
    advice = _ADVICE.get(error.errno or 0)
    return None if advice is None else f"{error.strerror}: {error.filename or place}\n{advice}"
