"""Reading files that are not trusted: only regular ones of bounded size, so that no pipe blocks a reader."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

FAULTS_OF_THIS_MACHINE = frozenset(
    {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EROFS, errno.ESTALE}
)
"""Error numbers that say nothing about a file, and hence nothing about who wrote it."""


class RefusedFile(ValueError):  # noqa: N818 - says what happened to the file
    """A file is not a regular one, is too large, or is otherwise not what was to be handed over."""


class NotRegular(RefusedFile):
    """It is a folder, pipe, socket or device."""


def read_regular(path: Path, max_bytes: int, *, follow_links: bool = True) -> bytes:
    """Read a whole regular file.

    Args:
        path: the file.
        max_bytes: its largest permitted size.
        follow_links: whether the file may be a symbolic link to a regular one. Links among its parent folders are
            always followed.

    Raises:
        OSError: there is no such file, it cannot be read, or it is a link where none may be.
        RefusedFile: it is no regular file, or larger than `max_bytes`.
    """
    content = read_beginning(path, max_bytes + 1, follow_links=follow_links)
    if len(content) > max_bytes:
        raise RefusedFile(f"expected at most {max_bytes} bytes, got more")
    return content


def read_beginning(path: Path, num_bytes: int, *, follow_links: bool = True) -> bytes:
    """Read the first `num_bytes` of a regular file, or all of one that is shorter.

    Raises:
        OSError: as `read_regular` does.
        NotRegular: it is no regular file.
    """
    links = 0 if follow_links else os.O_NOFOLLOW
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | links)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotRegular("expected a regular file, got a folder, pipe or device")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(num_bytes)
    finally:
        os.close(descriptor)


def read_handed_over(path: Path, max_bytes: int) -> bytes:
    """Read a file that a process which is not trusted has written; no link is followed.

    Raises:
        RefusedFile: it is missing, not a regular file, or larger than `max_bytes`; names the file.
        OSError: this machine is at fault: a disk that fails, too many open files, no memory.
    """
    try:
        return read_regular(path, max_bytes, follow_links=False)
    except NotRegular:
        raise RefusedFile(f"{path.name}: expected a regular file, got another kind of file") from None
    except RefusedFile as refused:
        raise RefusedFile(f"{path.name}: {refused}") from None
    except OSError as error:
        if error.errno in FAULTS_OF_THIS_MACHINE:
            raise
        raise RefusedFile(f"{path.name}: expected a regular file, got {error.strerror}") from error
