"""Copying files that an untrusted process has handed over: regular ones of a permitted size, in pieces, while hashing.

What does not fit is refused before a byte of it is read. No file is ever held in memory as a whole.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmark.files.bounded import FAULTS_OF_THIS_MACHINE, RefusedFile

_PIECE_BYTES = 1 << 20


def demand_size(path: Path, smallest: int, largest: int) -> None:
    """Refuse a file that has no permitted size, without reading it. No link is followed, no pipe waited for.

    Args:
        path: the file.
        smallest: its least size in bytes.
        largest: its largest size in bytes.

    Raises:
        RefusedFile: it is missing, not a regular file, or of another size; names the file.
        OSError: this machine is at fault.
    """
    with _opened(path, smallest, largest):
        pass


def copy_handed_over(source: Path, target: Path, smallest: int, largest: int) -> str:
    """Copy a file, and wait until the copy is on the disk.

    Args:
        source: the file that was handed over.
        target: a new file.
        smallest: least size in bytes.
        largest: largest size in bytes.

    Returns:
        sha256 of what was copied, as hexadecimal digits.

    Raises:
        RefusedFile: the source is not such a file, or changes its size while it is read; the target is incomplete then.
        OSError: this machine is at fault: a full disk, a failing one.
    """
    digest, num_bytes = hashlib.sha256(), 0
    with _opened(source, smallest, largest) as descriptor, target.open("xb") as copy:
        while piece := os.read(descriptor, _PIECE_BYTES):
            num_bytes += len(piece)
            if num_bytes > largest:
                break
            digest.update(piece)
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
    _demand(source.name, num_bytes, smallest, largest)
    return digest.hexdigest()


@contextmanager
def _opened(path: Path, smallest: int, largest: int) -> Generator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in FAULTS_OF_THIS_MACHINE:
            raise
        raise RefusedFile(f"{path.name}: expected a regular file, got {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise RefusedFile(f"{path.name}: expected a regular file, got another kind of file")
        _demand(path.name, status.st_size, smallest, largest)
        yield descriptor
    finally:
        os.close(descriptor)


def _demand(name: str, num_bytes: int, smallest: int, largest: int) -> None:
    if not smallest <= num_bytes <= largest:
        expected = f"{largest:,} bytes" if smallest == largest else f"at most {largest:,} bytes"
        raise RefusedFile(f"{name}: expected {expected}, got {num_bytes:,}")
