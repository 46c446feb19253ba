"""Names of files and folders that are being written: each says by whom, so that what a killed process leaves is known.

A name ends in `.<machine>.<process>.<random>.unfinished`. Process numbers mean something on one machine, under one boot
and within one container alone; all three stand in the first part.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

logger = logging.getLogger(__name__)

_OLD_S = 3600.0
_BY = re.compile(r"\.(?P<machine>[0-9a-f]{12})\.(?P<process>[0-9]+)\.[0-9a-f]{16}\.unfinished")


def unfinished_name(name: str) -> str:
    """Return a name for what will be called `name`, that no other process or thread uses."""
    return f".{name[:128]}.{_machine()}.{os.getpid()}.{uuid.uuid4().hex[:16]}.unfinished"


def is_abandoned(path: Path) -> bool:
    """Return whether an unfinished file or folder is nobody's any more.

    Its writer is looked for where that is possible: on this machine. What was written elsewhere, or by a name that says
    nothing, is left alone for an hour.
    """
    said = _BY.search(path.name)
    if said is not None and said["machine"] == _machine():
        return not _is_running(int(said["process"]))
    try:
        return time.time() - path.lstat().st_mtime > _OLD_S
    except FileNotFoundError:
        return False


def find_unfinished(root: Path, *, except_in: Iterable[Path] = (), flat: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield every unfinished file and folder below a folder, whoever writes it; none that lies within another.

    Args:
        root: the folder.
        except_in: folders that are not looked into.
        flat: folders that are looked into, but not the folders inside them.
    """
    closed, leaves = {str(path) for path in except_in}, {str(path) for path in flat}
    folders = [str(root)]
    while folders:  # a large home has a million entries: no Path and no list for any that is complete
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _is_unfinished(entry.name):
                        yield Path(entry.path)
                    elif folder not in leaves and entry.is_dir(follow_symlinks=False) and entry.path not in closed:
                        folders.append(entry.path)
        except OSError as error:
            logger.debug("%s is not looked into for what is half made: %s", folder, error)


def _is_unfinished(name: str) -> bool:
    return name.startswith(".") and name.endswith(".unfinished")


def _is_running(process: int) -> bool:
    try:
        with suppress(PermissionError, OverflowError):  # another user's, or no number here
            os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return what tells the processes of one machine, boot and container from others of the same numbers."""
    facts = [platform.node()]
    for path, read in (("/proc/sys/kernel/random/boot_id", _content), ("/proc/self/ns/pid", os.readlink)):
        try:
            facts.append(read(path))
        except OSError:  # no Linux: the machine's name has to do
            continue
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _content(path: str) -> str:
    return Path(path).read_text(encoding="ascii")
