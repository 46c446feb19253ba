"""Whether a place that somebody named can be written, asked before anything is computed; it leaves nothing there."""

from __future__ import annotations

import tempfile
from pathlib import Path


def why_no_file(path: Path) -> str | None:
    """Return what stands where a file is to be written, in words; None where it can be written.

    A file that is there already counts as one that can be replaced. Missing folders above it are made by who writes.
    """
    if path.is_dir():
        return f"the folder {path}; name a file in it"
    if path.exists() and not path.is_file():
        return f"{path}, a pipe or device; name another file"
    return _why_nothing_in(path)


def why_no_folder(path: Path) -> str | None:
    """Return what stands where a folder is to be written to, in words; None where it is there or can be made."""
    if path.exists() and not path.is_dir():
        return f"the file {path}; name a folder"
    return _why_nothing_in(path / "file")


def _why_nothing_in(path: Path) -> str | None:
    """Return why nothing can be made in the nearest folder above a path that exists."""
    place = next(parent for parent in path.absolute().parents if parent.exists())
    if not place.is_dir():
        return f"{path}, and {place} is no folder; name another place"
    try:
        with tempfile.TemporaryFile(dir=place):
            return None
    except OSError as error:
        return f"{path}, and nothing can be written in {place} ({error.strerror}); name another place"
