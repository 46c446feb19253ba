"""Files and folders that are absent, old or complete, whatever happens while they are written.

They are written under another name in the same file system, and renamed when they are complete. A process that is
killed leaves only names of `files.unfinished` behind.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmark.files.unfinished import unfinished_name

logger = logging.getLogger(__name__)


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file; what was there before is replaced, and missing parent folders are made.

    Args:
        path: the file.
        content: all of it.
        durable: wait until it is on the disk. Without, a power failure may lose it, or leave it empty.

    Raises:
        OSError: it cannot be written; what was there before is unchanged.
    """
    with replaced_file(path, durable=durable) as unfinished:
        unfinished.write_bytes(content)


@contextmanager
def replaced_file(path: Path, *, durable: bool = True) -> Generator[Path]:
    """Give the name of a file to be written by the caller; it replaces `path` at the end, or is removed on an error.

    Raises:
        OSError: the file cannot be made; what was there before is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / unfinished_name(path.name)
    try:
        yield unfinished
        if durable:
            _sync(unfinished)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


@contextmanager
def replaced_folder(folder: Path, *, written_in: Path | None = None, durable: bool = True) -> Generator[Path]:
    """Give a new folder to be filled by the caller; it replaces `folder` at the end, or is removed on an error.

    Args:
        folder: what is to be there in the end.
        written_in: where the new folder is filled, on the same file system; by default beside `folder`.
        durable: wait until its entry is on the disk; the files in it are the caller's to write durably.

    Raises:
        OSError: the folder cannot be made; what was there before is unchanged.
    """
    with unfinished_folder(written_in or folder.parent, folder.name) as unfinished:
        yield unfinished
        replace_folder(unfinished, folder, durable=durable)


@contextmanager
def unfinished_folder(parent: Path, name: str) -> Generator[Path]:
    """Give a new, empty folder in `parent` that is removed at the end, unless it was renamed until then."""
    unfinished = parent / unfinished_name(name)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def replace_folder(new: Path, folder: Path, *, durable: bool = True) -> None:
    """Rename a complete folder; what was at `folder` before is removed.

    Where two processes replace the same folder at the same moment, one of the two new ones stays, as a whole.

    Raises:
        OSError: it cannot be renamed; what was there before is there again.
    """
    if durable:
        sync_folder(new)
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = new.parent / unfinished_name(folder.name)
    with suppress(FileNotFoundError):  # there is nothing to replace
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            if old.exists():
                old.rename(folder)
            raise
        logger.debug("%s was replaced by another process at the same moment: its folder stays", folder)
    shutil.rmtree(old, ignore_errors=True)
    if durable:
        sync_folder(folder.parent)


def write_once(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, unless one is there already: the first one stays.

    Raises:
        OSError: it cannot be written.
    """
    unfinished = path.parent / unfinished_name(path.name)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)
    except FileExistsError:
        logger.debug("%s was made by another process first", path)
    finally:
        unfinished.unlink()
    sync_folder(path.parent)


def write_new_durably(path: Path, content: bytes) -> None:
    """Write a new file and wait until it is on the disk; for files in a folder that is renamed when complete.

    Raises:
        OSError: there is a file of that name already, or it cannot be written.
    """
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
