"""A directory of unknown origin as bytes in memory: small, regular files only, nothing followed, nothing waited for.

It refuses links (hard ones too), pipes, sockets, devices, hidden files, odd names, and more than a little of anything.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.spec.base import Problem
from benchmark.spec.documents.wording import quoted, quoted_path

MAX_FILES, MAX_TOTAL_BYTES = 64, 256 << 10
_MAX_DEPTH, _MAX_ENTRIES = 4, 256
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_ENTRY_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass
class DirectoryText:
    """What is in a directory.

    Attributes:
        files: contents by relative name (`losses/nce.py`), exactly as read.
        problems: what was refused, `where` being the relative name.
        complete: whether everything was looked at; reading stops at the first limit that is exceeded.
    """

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    problems: list[Problem] = field(default_factory=list[Problem])
    complete: bool = True


@dataclass
class _Reading:
    """A directory being read, and what of the limits is used up."""

    text: DirectoryText = field(default_factory=DirectoryText)
    num_entries: int = 0
    num_bytes: int = 0

    def refuse(self, where: str, expected: str, got: str) -> None:
        self.text.problems.append(Problem(where, expected, got))

    def stop(self, where: str, expected: str, got: str) -> None:
        """Give up on the rest: what follows would only be noise, or take for ever."""
        self.refuse(where, expected, got)
        self.text.complete = False


def read_directory(directory: Path) -> DirectoryText:
    """Read a small tree of text files without following, blocking on or executing anything.

    Args:
        directory: any path; a link to a directory is refused like every other link.

    Returns:
        At most 64 regular files with one name each, 256 KiB in all, in at most 4 levels of folders. `__pycache__`
        folders are passed over in silence; everything else that was left out is a problem.
    """
    reading = _Reading()
    try:
        with _opened(directory, os.O_DIRECTORY, None) as descriptor:
            _read_folder(descriptor, "", 1, reading)
    except (OSError, ValueError) as error:
        reading.stop(quoted_path(directory), "a directory that can be read, not a link to one", _reason(error))
    return reading.text


def _read_folder(descriptor: int, prefix: str, depth: int, reading: _Reading) -> None:
    with os.scandir(descriptor) as entries:
        names: list[str] = []
        for entry in entries:
            reading.num_entries += 1
            if reading.num_entries > _MAX_ENTRIES:
                reading.stop(prefix or "submission", f"at most {MAX_FILES} files", f"more than {_MAX_ENTRIES} entries")
                return
            names.append(entry.name)
    for name in sorted(names):
        _read_entry(descriptor, prefix, name, depth, reading)
        if not reading.text.complete:
            return


def _read_entry(folder: int, prefix: str, name: str, depth: int, reading: _Reading) -> None:
    """Read one entry; its kind is known before it is opened, and checked again on what was opened."""
    where = prefix + _shown_name(name)
    try:
        kind = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if name == "__pycache__" and stat.S_ISDIR(kind.st_mode):
            return
        if not _NAME.fullmatch(name):
            expected = "a name of 1 to 64 letters, digits, dots, hyphens and underscores that does not start with a dot"
            reading.refuse(where, expected, quoted(name))
        elif stat.S_ISDIR(kind.st_mode):
            _read_subfolder(folder, f"{prefix}{name}/", name, depth, reading)
        elif _is_plain(kind, where, reading):
            with _opened(name, 0, folder) as descriptor:
                if _is_plain(os.fstat(descriptor), where, reading):
                    _read_file(descriptor, where, reading)
    except OSError as error:
        reading.refuse(where, "a file that can be read", _reason(error))


def _read_subfolder(folder: int, prefix: str, name: str, depth: int, reading: _Reading) -> None:
    if depth == _MAX_DEPTH:
        reading.refuse(prefix, f"at most {_MAX_DEPTH} levels of folders", "a deeper one")
        return
    with _opened(name, os.O_DIRECTORY, folder) as descriptor:
        _read_folder(descriptor, prefix, depth + 1, reading)


def _is_plain(kind: os.stat_result, where: str, reading: _Reading) -> bool:
    if not stat.S_ISREG(kind.st_mode):
        reading.refuse(where, "a regular file", _kind_words(kind.st_mode))
    elif kind.st_nlink != 1:
        reading.refuse(where, "a file with one name", f"one of {kind.st_nlink} hard links to the same file")
    else:
        return True
    return False


def _kind_words(mode: int) -> str:
    links = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder"}
    kinds = links | {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _read_file(descriptor: int, where: str, reading: _Reading) -> None:
    if len(reading.text.files) == MAX_FILES:
        reading.stop("submission", f"at most {MAX_FILES} files", "more")
        return
    twin = next((name for name in reading.text.files if name.casefold() == where.casefold()), None)
    if twin is not None:
        reading.refuse(where, "names that differ by more than capital letters", f"{twin} beside it")
        return
    data = b""
    while chunk := os.read(descriptor, MAX_TOTAL_BYTES + 1 - reading.num_bytes):
        data += chunk
        reading.num_bytes += len(chunk)
        if reading.num_bytes > MAX_TOTAL_BYTES:
            reading.stop(where, f"at most {MAX_TOTAL_BYTES} bytes in all files together", "more, with this file")
            return
    reading.text.files[where] = data


@contextmanager
def _opened(path: str | Path, flags: int, folder: int | None) -> Generator[int]:
    descriptor = os.open(path, _ENTRY_FLAGS | flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _shown_name(name: str) -> str:
    return name if _NAME.fullmatch(name) else quoted(name)


def _reason(error: OSError | ValueError) -> str:
    return error.strerror.lower() if isinstance(error, OSError) and error.strerror else "an impossible path"
