"""Looking at an outbox, holding on to a folder in it, and removing it, whatever a hostile submission did there.

The collector reads it while submission code may still write into it. It follows no link, and bounds every look.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmark.files.bounded import FAULTS_OF_THIS_MACHINE

logger = logging.getLogger(__name__)

_DEPTH = 8
"""Levels of folders that are looked at. An honest outbox has one level of folders with files in them."""


class NotHeld(OSError):  # noqa: N818 - says what happened to the folder
    """A folder in an outbox cannot be held on to: it is closed to us, a link, or no folder any more."""


@contextmanager
def pinned(folder: Path) -> Generator[Path]:
    """Hold on to a folder, so that what is read through the path given back is in this very folder.

    Otherwise a folder could be replaced by a link to a foreign one between two looks, and foreign files be collected.

    Raises:
        NotHeld: it is closed to us, not a folder, or a link to one.
        OSError: this machine is at fault, for instance too many open files.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in FAULTS_OF_THIS_MACHINE:
            raise
        raise NotHeld(error.errno, error.strerror, str(folder)) from error
    try:
        yield Path(f"/proc/self/fd/{descriptor}") if sys.platform == "linux" else folder
    finally:
        os.close(descriptor)


def remove_tree(folder: Path) -> None:
    """Remove a folder of unknown depth; what may not be removed stays."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        logger.debug("%s has some thousand folders inside each other: `rm` removes them", folder)
    if folder.is_dir() and not folder.is_symlink():
        subprocess.run(["rm", "-rf", "--", str(folder)], stderr=subprocess.DEVNULL, check=False)


def remove_depths(outbox: Path) -> None:
    """Remove what lies deeper in an outbox than an honest trainer writes, so that no one has to walk through it."""
    for folder in [entry for entry in outbox.iterdir() if entry.is_dir() and not entry.is_symlink()]:
        try:
            deeper = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink()]
        except PermissionError:
            logger.debug("%s is closed to us, and is left as it is", folder)
            continue
        for each in deeper:
            remove_tree(each)


def outbox_excess(outbox: Path, max_bytes: int, max_entries: int) -> str | None:
    """Say by what an outbox exceeds its bounds, or None. Follows nothing, opens no file, looks at few entries.

    Disk blocks count, not apparent sizes: a sparse file costs nothing until it is read, and the collector bounds that.
    """
    folders, num_entries, num_bytes = [(outbox, 1)], 0, 0
    while folders:
        folder, depth = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    num_entries += 1
                    if num_entries > max_entries:
                        return f"an outbox of more than {max_entries} files"
                    num_bytes += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        if depth == _DEPTH:
                            return f"an outbox with folders more than {_DEPTH} levels deep"
                        folders.append((folder / entry.name, depth + 1))
        except PermissionError:
            return "an outbox with a folder that is closed to the supervisor"
        except OSError as error:
            logger.debug("%s moved while it was looked at, complete or collected: %s", folder, error)
    return f"an outbox of more than {max_bytes} bytes" if num_bytes > max_bytes else None
