"""Members of zip and tar archives: their names as their makers meant them, links resolved inside, bytes in one pass.

It refuses what cannot be read (passwords, rare compressions, damage) in one sentence, and never unpacks to the disk.
"""

from __future__ import annotations

import bisect
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tarfile import HeaderError
from typing import Literal, Self

from benchmark.datasets.file_names import shown
from benchmark.spec import Problem, UserError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")

_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_RARE = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 97: "WavPack", 98: "PPMd"}
_MAX_LINK_BYTES = 4096
_MAX_LINKS_FOLLOWED = 40
_SHOWN = 200


@dataclass(frozen=True)
class Member:
    """One entry of an archive.

    Attributes:
        position: among all entries, from 0.
        name: path from the root of the archive, without `./`, `//` or backslashes.
        kind: what it is.
        target: of a link, the path from the root of the archive to which it leads; None where that is outside.
    """

    position: int
    name: str
    kind: Literal["file", "link", "folder", "other"]
    target: str | None = None


def list_members(archive: Path, problems: list[Problem]) -> list[Member]:
    """List an archive; members with names outside of it are added to `problems`.

    Raises:
        UserError: it is damaged, or packed in a way that is not read.
    """
    with _refusing_damage(archive):
        members = _members_of_zip(archive) if _is_zip(archive) else _members_of_tar(archive)
        listed: list[Member] = []
        for member in members:
            if member.name == ".." or member.name.startswith("../"):
                place = f"{shown(archive)}: {shown(member.name)}"
                problems.append(Problem(place, "members inside the archive", "a name that leads out of it"))
            elif member.name != ".":
                listed.append(member)
        return listed


def contents_at(archive: Path, positions: Collection[int], max_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield position and bytes of members, in the order in which they are stored; None for those above `max_bytes`.

    Raises:
        UserError: the archive is damaged.
    """
    with _refusing_damage(archive):
        if _is_zip(archive):
            with zipfile.ZipFile(archive) as packed:
                for position, info in enumerate(packed.infolist()):
                    if position in positions:
                        yield position, packed.read(info) if info.file_size <= max_bytes else None
        else:
            with tarfile.open(archive, "r|*", tarinfo=_Header) as stream:
                for position, member in enumerate(stream):
                    file = stream.extractfile(member) if position in positions and member.isfile() else None
                    if file is not None:
                        yield position, file.read() if member.size <= max_bytes else None


def resolve(
    archive: Path, members: Sequence[Member], folders: set[str], repeated: list[str], problems: list[Problem]
) -> dict[str, int]:
    """Return the names of all files, those of links among them, with the position of their bytes.

    Args:
        archive: for messages.
        members: its entries. Of several with one name the last counts, as when it is unpacked.
        folders: gets the names of all folders.
        repeated: gets the names that stand for more than one file.
        problems: gets links that lead to nothing in the archive, and what is no file.
    """
    latest: dict[str, Member] = {}
    for member in members:
        if member.name in latest and member.kind != "folder":
            repeated.append(member.name)
        latest[member.name] = member
    files = {name: member.position for name, member in latest.items() if member.kind == "file"}
    links = {name: member.target for name, member in latest.items() if member.kind == "link"}
    known = dict(files)
    in_order = sorted(files)
    for name in links:
        reason = _follow(name, links, files, in_order, known)
        if reason:
            problems.append(Problem(f"{shown(archive)}: {shown(name)}", "a link to something in the archive", reason))
    for name, member in latest.items():
        if member.kind == "other":
            problems.append(Problem(f"{shown(archive)}: {shown(name)}", "a regular file", "a pipe or device"))
    folders.update(name for name, member in latest.items() if member.kind == "folder")
    folders.update(head for name in known for head in _folders_around(name))
    return known


def _follow(
    link: str, links: Mapping[str, str | None], files: Mapping[str, int], in_order: Sequence[str], known: dict[str, int]
) -> str | None:
    """Add what a link stands for to the known files; say why it stands for nothing."""
    target = _final(link, links)
    if target is None:
        return "one that leads out of it, or in a circle"
    if target in files:
        known[link] = files[target]
        return None
    below = list(_below(target, in_order))
    if not below:
        return f"one to {shown(target)}, which is not there"
    if link.startswith(f"{target}/"):
        return "one to a folder around it"
    for name in below:
        known[link + name.removeprefix(target)] = files[name]
    for name in links:
        if name.startswith(f"{target}/"):
            inner = _final(name, links)
            if inner is None or inner not in files:
                return f"one to a folder that holds a link to a folder ({shown(name)})"
            known[link + name.removeprefix(target)] = files[inner]
    return None


def _final(name: str, links: Mapping[str, str | None]) -> str | None:
    """Follow all links in a path; None for one that leads out of the archive or in a circle."""
    for _ in range(_MAX_LINKS_FOLLOWED):
        for head in (*_folders_around(name), name):
            if head in links:
                target = links[head]
                break
        else:
            return name
        if target is None:
            return None
        name = posixpath.normpath(target + name.removeprefix(head))
    return None


def _folders_around(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _below(folder: str, in_order: Sequence[str]) -> Iterator[str]:
    start = bisect.bisect_left(in_order, f"{folder}/")
    for name in in_order[start:]:
        if not name.startswith(f"{folder}/"):
            return
        yield name


def _is_zip(archive: Path) -> bool:
    return archive.suffix.lower() == ".zip"


class _Header(tarfile.TarInfo):
    """A header that must be there: Python takes an archive that was cut or damaged between members for a whole one."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        """Read the next header; only the mark of the end may stand in its place."""
        try:
            return super().fromtarfile(tarfile)
        except HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":  # private, and so without a type
                raise
            raise EOFError("it is cut off or damaged between two members") from None


def _plain(name: str) -> str:
    return posixpath.normpath(name.lstrip("/") or ".")


def _inside(folder: str, target: str) -> str | None:
    """Return the path from the root of an archive to which a symbolic link in `folder` leads; None outside of it."""
    path = posixpath.normpath(posixpath.join(folder, target))
    return None if target.startswith("/") or path == ".." or path.startswith("../") else path


def _members_of_tar(archive: Path) -> list[Member]:
    members: list[Member] = []
    with tarfile.open(archive, "r|*", tarinfo=_Header) as stream:
        for position, member in enumerate(stream):
            name = _plain(member.name)
            if member.isfile():
                members.append(Member(position, name, "file"))
            elif member.isdir():
                members.append(Member(position, name, "folder"))
            elif member.issym():
                members.append(Member(position, name, "link", _inside(posixpath.dirname(name), member.linkname)))
            elif member.islnk():
                members.append(Member(position, name, "link", _inside("", _plain(member.linkname))))
            else:
                members.append(Member(position, name, "other"))
    return members


def _members_of_zip(archive: Path) -> list[Member]:
    members: list[Member] = []
    with zipfile.ZipFile(archive) as packed:
        for position, info in enumerate(packed.infolist()):
            name = _plain(info.filename.replace("\\", "/"))  # as some programs on Windows write it
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.is_dir() or info.filename.endswith("\\") or kind == stat.S_IFDIR:
                members.append(Member(position, name, "folder"))
                continue
            _demand_readable(archive, info)
            if kind == stat.S_IFLNK and info.file_size <= _MAX_LINK_BYTES:
                target = packed.read(info).decode(errors="replace")
                members.append(Member(position, name, "link", _inside(posixpath.dirname(name), target)))
            else:
                members.append(Member(position, name, "file" if kind in (0, stat.S_IFREG) else "other"))
    return members


def _demand_readable(archive: Path, info: zipfile.ZipInfo) -> None:
    place = f"{shown(archive)}: {shown(info.filename)}"
    if info.flag_bits & 0x1:
        raise UserError([Problem(place, "a zip without a password", "an encrypted member")])
    if info.compress_type not in _COMPRESSIONS:
        name = _RARE.get(info.compress_type, f"method {info.compress_type}")
        expected = "a zip packed with deflate, bzip2 or LZMA, or not compressed"
        raise UserError([Problem(place, expected, f"one packed with {name}; unpack it and name the folder")])


@contextmanager
def _refusing_damage(archive: Path) -> Generator[None]:
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:  # readers of damaged archives raise nearly anything
        reason = " ".join(str(error).split())[:_SHOWN] or type(error).__name__
        raise UserError([Problem(shown(archive), "a whole archive", reason)]) from None
