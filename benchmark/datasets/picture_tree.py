"""Trees of class folders, on disk or in an archive: which pictures there are, and their bytes. It decodes nothing."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.spec import Problem, UserError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")

_NOT_PICTURES = ("thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class PictureTree:
    """Files under one folder of class folders.

    Attributes:
        root: the folder, or the archive that holds it.
        prefix: what comes before the class folders in names: "", or for instance "train/".
        names: names of all files below the prefix, `class/file` or deeper, sorted.
    """

    root: Path
    prefix: str
    names: tuple[str, ...]

    @staticmethod
    def of(root: Path, stop_at: tuple[str, ...] = ()) -> PictureTree:
        """List a folder or archive, passing over folders around everything, unless they are called like this."""
        tree = PictureTree(root, "", tuple(sorted(_listed(root))))
        while True:
            parts = [name.split("/") for name in tree.names]
            around = {part[0] for part in parts}
            if len(around) != 1 or around & set(stop_at) or min(map(len, parts)) < 3:
                return tree
            tree = tree.below(around.pop())

    def below(self, folder: str) -> PictureTree:
        """Give the part of the tree below a folder."""
        names = (name.removeprefix(f"{folder}/") for name in self.names if name.startswith(f"{folder}/"))
        return PictureTree(self.root, f"{self.prefix}{folder}/", tuple(names))

    def empty_folders(self) -> list[str]:
        """Name folders beside the class folders that hold no file; archives are not asked."""
        top = self.root / self.prefix
        beside = sorted(each.name for each in top.iterdir() if each.is_dir()) if top.is_dir() else []
        classes = {self.class_of(name) for name in self.names}
        return [name for name in beside if name not in classes and _is_meant(name)]

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Give names and bytes of all files, in the order in which they are stored."""
        known = set(self.names)
        for name, content in _stored(self.root):
            short = name.removeprefix(self.prefix)
            if name.startswith(self.prefix) and short in known:
                yield short, content

    def class_of(self, name: str) -> str:
        """Give the class folder of a file."""
        return name.split("/")[0]

    def place_of(self, name: str) -> str:
        """Say where a file is, for messages."""
        return str(self.root / self.prefix / name) if self.root.is_dir() else f"{self.root}: {self.prefix}{name}"


def content_of(path: Path) -> dict[str, str]:
    """Name all bytes below a folder, or of an archive: sha256 per file.

    Raises:
        UserError: it is neither, or a torn archive.
    """
    if not path.is_dir() and not path.name.lower().endswith(ARCHIVES):
        raise UserError([Problem("dataset.path", f"a folder, or one of {', '.join(ARCHIVES)}", str(path))])
    files = [path] if path.is_file() else list(_packed_splits(path).values())
    if files:
        return {file.name: _file_digest(file) for file in files}
    return {name: hashlib.sha256(content).hexdigest() for name, content in _stored(path)}


def find_trees(path: Path) -> dict[str, PictureTree]:
    """Find `train` and `test` below a folder or archive (or `train.zip` and `test.zip` in it), or else `all` of it.

    Raises:
        UserError: there is only one of the two, or something that is neither.
    """
    packed = _packed_splits(path)
    if packed:
        _demand_splits(path, set(packed))
        trees = {split: PictureTree.of(archive) for split, archive in packed.items()}
    else:
        whole = PictureTree.of(path, stop_at=("train", "test"))
        splits = {name.split("/")[0] for name in whole.names}
        trees = {"all": whole}
        if splits & {"train", "test"}:
            _demand_splits(path, splits)
            trees = {split: whole.below(split) for split in ("train", "test")}
    _demand_class_folders(trees)
    return trees


def _packed_splits(path: Path) -> dict[str, Path]:
    archives = {split: [path / f"{split}{ending}" for ending in ARCHIVES] for split in ("train", "test")}
    found = {split: next((file for file in files if file.is_file()), None) for split, files in archives.items()}
    return {split: file for split, file in found.items() if file is not None}


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _demand_splits(path: Path, splits: set[str]) -> None:
    if splits != {"train", "test"}:
        expected = "both train and test and nothing else, or class folders alone"
        raise UserError([Problem(str(path), expected, ", ".join(sorted(splits)))])


def _demand_class_folders(trees: dict[str, PictureTree]) -> None:
    loose = [tree.place_of(name) for tree in trees.values() for name in tree.names if "/" not in name]
    if loose:
        outside = [Problem(place, "a file in a class folder", "one outside of any") for place in loose[:20]]
        raise UserError(outside)


def _is_meant(name: str) -> bool:
    parts = name.split("/")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and parts[-1].lower() not in _NOT_PICTURES


def _listed(root: Path) -> list[str]:
    if root.is_dir():
        return list(_walk(root))
    return [name for name, _ in _stored(root)]


def _stored(root: Path) -> Iterator[tuple[str, bytes]]:
    if root.is_dir():
        return ((name, (root / name).read_bytes()) for name in _walk(root))
    return _unpacked(root)


def _walk(root: Path) -> Iterator[str]:
    """Name all files below a folder; links are followed, but no folder is entered twice."""
    seen: set[str] = set()
    for folder, below, files in os.walk(root, followlinks=True):
        seen.add(os.path.realpath(folder))
        below[:] = sorted(name for name in below if os.path.realpath(Path(folder) / name) not in seen)
        names = (Path(folder, name).relative_to(root).as_posix() for name in sorted(files))
        yield from (name for name in names if _is_meant(name))


def _unpacked(archive: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if archive.suffix.lower() == ".zip":
            with zipfile.ZipFile(archive) as packed:
                for info in packed.infolist():
                    if not info.is_dir() and _is_meant(info.filename):
                        yield info.filename, packed.read(info)
        else:
            with tarfile.open(archive, "r|*") as stream:
                for member in stream:
                    file = stream.extractfile(member) if member.isfile() else None
                    name = member.name.removeprefix("./")
                    if file is not None and _is_meant(name):
                        yield name, file.read()
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        raise UserError([Problem(str(archive), "a whole archive", str(error) or type(error).__name__)]) from None
