"""Digests of source code, for what is kept only as long as the code that made it is the same."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def source_digest(*folders: Path) -> str:
    """Return the digest, hexadecimal, of every Python file in the folders, names included.

    Whole folders are read, which takes milliseconds: a list of the files that matter is forgotten when code moves.
    """
    found = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            found.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()
