"""Regular files below a folder or in an archive: their names with links resolved, and their bytes one after the other.

Whatever else is there (pipes, devices, links that lead nowhere or in a circle) is named and never opened. It decodes
nothing, and unpacks nothing to the disk.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.datasets.archive_members import ARCHIVES, contents_at, list_members, resolve
from benchmark.datasets.file_names import is_by_product, is_sound, shown
from benchmark.files.bounded import RefusedFile, read_regular
from benchmark.spec import Problem

MAX_FILE_BYTES = 256 * 2**20
"""Of one picture: more is a mistake or a trap."""


@dataclass(frozen=True)
class StoredFiles:
    """What a folder or archive holds.

    Attributes:
        root: the folder or archive.
        positions: names of all files, with the position of their bytes in an archive (0 in a folder).
        folders: names of all folders, those that hold no file among them.
        hidden: names that begin with a dot and are not known by-products of a system.
        repeated: names that an archive holds more than once; the last of the files counts.
        problems: what is no regular file, or has a name that cannot be printed.
    """

    root: Path
    positions: Mapping[str, int]
    folders: frozenset[str]
    hidden: tuple[str, ...]
    repeated: tuple[str, ...]
    problems: tuple[Problem, ...]

    def contents(self, names: Collection[str], problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
        """Yield name and bytes of the files called `names`, in the order in which they are stored.

        What cannot be read is added to `problems`.

        Raises:
            UserError: an archive is damaged.
        """
        if not self.root.is_dir():
            wanted: dict[int, list[str]] = {}
            for name in names:
                wanted.setdefault(self.positions[name], []).append(name)
            for position, content in contents_at(self.root, wanted, MAX_FILE_BYTES):
                if content is None:
                    problems += [_too_large(place_in(self.root, name)) for name in wanted[position]]
                else:
                    yield from ((name, content) for name in wanted[position])
            return
        for name in names:
            try:
                if (self.root / name).stat().st_size > MAX_FILE_BYTES:
                    raise RefusedFile("larger than any picture")
                yield name, read_regular(self.root / name, MAX_FILE_BYTES)
            except RefusedFile:
                problems.append(_too_large(place_in(self.root, name)))
            except OSError as error:
                problems.append(Problem(place_in(self.root, name), "a file that can be read", str(error.strerror)))


def place_in(root: Path, name: str) -> str:
    """Say where a file is, for messages."""
    return shown(root / name) if root.is_dir() else f"{shown(root)}: {shown(name)}"


def list_files(root: Path) -> StoredFiles:
    """List a folder or an archive.

    Raises:
        UserError: an archive is damaged, or packed in a way that is not read.
    """
    problems: list[Problem] = []
    repeated: list[str] = []
    folders: set[str] = set()
    if root.is_dir():
        found = dict.fromkeys(_walk(root, "", (os.path.realpath(root),), folders, problems), 0)
    else:
        members = list_members(root, problems)
        found = resolve(root, members, folders, repeated, problems)
    meant = {name: position for name, position in sorted(found.items()) if _is_meant(name)}
    for name in meant:
        if not is_sound(name):
            problems.append(
                Problem(place_in(root, name), "names in UTF-8 without control characters", "another; rename it")
            )
    hidden = tuple(name for name in sorted(found) if not _is_meant(name) and not _is_left_by_a_system(name))
    folders = {name for name in folders if _is_meant(name)}
    twice = tuple(name for name in repeated if _is_meant(name))
    return StoredFiles(root, meant, frozenset(folders), hidden, twice, tuple(problems))


def is_archive(path: Path) -> bool:
    """Whether a file has the name of an archive that is read."""
    return path.name.lower().endswith(ARCHIVES)


def _too_large(place: str) -> Problem:
    return Problem(place, f"a picture of at most {MAX_FILE_BYTES // 2**20} MiB", "a larger file")


def _is_left_by_a_system(name: str) -> bool:
    return any(map(is_by_product, name.split("/")))


def _is_meant(name: str) -> bool:
    return not any(part.startswith(".") or is_by_product(part) for part in name.split("/"))


def _walk(root: Path, below: str, around: tuple[str, ...], folders: set[str], problems: list[Problem]) -> Iterator[str]:
    """Yield the names of all regular files; links are followed, except back into a folder around them."""
    try:
        with os.scandir(root / below) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        problems.append(Problem(place_in(root, below), "a folder that can be read", str(error.strerror)))
        return
    for entry in entries:
        name = f"{below}{entry.name}"
        if is_by_product(entry.name):
            continue
        kind = _kind(entry)
        if kind == "folder":
            real = os.path.realpath(entry.path)
            if real in around:
                problems.append(Problem(place_in(root, name), "folders and pictures", "a link to a folder around it"))
            elif entry.name.startswith("."):
                yield f"{name}/..."  # named once, whatever is in it
            else:
                folders.add(name)
                yield from _walk(root, f"{name}/", (*around, real), folders, problems)
        elif kind == "file":
            yield name
        elif not entry.name.startswith("."):
            problems.append(Problem(place_in(root, name), "a regular file", kind))


def _kind(entry: os.DirEntry[str]) -> str:
    """Return `folder` or `file`, or say what else it is; links are followed."""
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            return "a link that leads nowhere"
        return f"one that cannot be read ({error.strerror})"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "a pipe, socket or device"
