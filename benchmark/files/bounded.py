"""Reading files that strangers may have placed: regular, of bounded size; nothing that blocks or never ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Read a whole regular file; a link is followed.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is a folder, pipe, socket or device, or larger than `max_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("expected a regular file, got a folder, pipe or device")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(max_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > max_bytes:
        raise ValueError(f"expected at most {max_bytes} bytes, got more")
    return content
