"""A user's own pictures in class folders, split by their owner or here by content; folders and archives alike.

It refuses to guess: a file of a class folder that is no whole picture, or a smaller one than asked for, is named, and
all such files at once.
"""

from __future__ import annotations

import hashlib
import logging
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import PIL

from benchmark.datasets.archive_members import ARCHIVES
from benchmark.datasets.copies import name_copies
from benchmark.datasets.decoded import DataFolders, decoded_once
from benchmark.datasets.file_names import shown
from benchmark.datasets.image_set import ImageSet, Splits, split_stratified
from benchmark.datasets.picture_tree import PictureTree, find_trees, listed, notes_on, packed_splits, shortened
from benchmark.datasets.pictures import DECODER_VERSION, Picture, SmallPicture, UnreadablePicture, read_picture
from benchmark.datasets.stored_files import is_archive
from benchmark.files.atomic import write_atomically
from benchmark.files.digests import sha256_of
from benchmark.machine import available_cores
from benchmark.printable import counted
from benchmark.spec import ImageFolder, Problem, UserError
from benchmark.spec.canonical import digest

logger = logging.getLogger(__name__)

TEST_SHARE = 5
"""Without a `test/` folder, one picture in five of every class is a test picture."""

BY_CONTENT = "sha256:"
"""Begins the name that pictures have by their content, in the place of a path that says nothing elsewhere."""

_AT_ONCE = 512
_BYTES_AT_ONCE = 2**28
_HALF = 128


def load_image_folder(spec: ImageFolder, folders: DataFolders) -> Splits:
    """Load a folder of class folders, or one with such a folder under each of `train/` and `test/`.

    Class names are in alphabetical order. Files whose names begin with a dot are passed over, and counted in the notes.

    Raises:
        UserError: there is no such folder, its classes make no sense or have too few pictures, or files in it are
            no whole pictures of at least the size asked for.
    """
    path = folders.downloads / spec.path  # an absolute path stays what it is
    _demand_there(spec, path)
    files = _files_of_archives(path)
    known = None if files is None else _read_pointer(folders, files)
    trees = None if known else find_trees(path)
    content = known or _content_of(trees or {}, path)
    key = digest(
        {
            "pictures": content,
            "size": spec.size,
            "channels": spec.channels,
            "test_share": TEST_SHARE,
            "decoder": [DECODER_VERSION, PIL.__version__],
            "passed_over": list(notes_on(trees)) if trees and files is None else [],  # archives never change
        }
    )
    splits = decoded_once(folders, key, lambda: _decode(trees or find_trees(path), path, spec.size, spec.channels))
    if files is not None and not known:
        write_atomically(_pointer(folders, files), _sealed(files, content).encode())
    return replace(splits, content=content)


def _demand_there(spec: ImageFolder, path: Path) -> None:
    if spec.path.startswith(BY_CONTENT):
        expected = "the place of the pictures on this machine"
        got = "their content, as records name them; `fmn reproduce --pictures PATH` says where they are"
        raise UserError([Problem("dataset.path", expected, got)])
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        hint = "" if Path(spec.path).is_absolute() else " (FMN_DATA says where shipped documents look)"
        is_missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        reason = "" if is_missing else f" ({getattr(error, 'strerror', None) or error})"
        got = f"nothing at {shown(path)}{reason}{hint}"
        raise UserError([Problem("dataset.path", "a folder or archive of pictures", got)]) from None
    if not stat.S_ISDIR(mode) and not (stat.S_ISREG(mode) and is_archive(path)):
        got = shown(path) if stat.S_ISREG(mode) else f"a pipe or device at {shown(path)}"
        raise UserError([Problem("dataset.path", f"a folder, or one of {', '.join(ARCHIVES)}", got)])


def _content_of(trees: Mapping[str, PictureTree], path: Path) -> str:
    """Name pictures by their bytes, classes and split: the same for a folder and any archive of it, anywhere."""
    _class_names(trees, path)
    problems: list[Problem] = []
    found = {
        split: sorted([tree.class_of(name), hashlib.sha256(held).hexdigest()] for name, held in tree.contents(problems))
        for split, tree in trees.items()
    }
    if problems:
        raise UserError(shortened(problems))
    return BY_CONTENT + digest(found)


def _files_of_archives(path: Path) -> str | None:
    """Digest of the bytes of archives, which takes less time than to unpack them; None for a folder of pictures."""
    files = [path] if path.is_file() else list(packed_splits(path).values())
    return digest([sha256_of(file) for file in files]) if files else None


def _pointer(folders: DataFolders, files: str) -> Path:
    return folders.decoded / f"{files}.content"


def _read_pointer(folders: DataFolders, files: str) -> str | None:
    """Return the name by content of archives that were unpacked before; None where a bit of it may have changed."""
    try:
        text = _pointer(folders, files).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        logger.debug("the archives are unpacked again to name their content: %s", error)
        return None
    content = text.split(" ")[0]
    return content if text == _sealed(files, content) else None


def _sealed(files: str, content: str) -> str:
    """Write the name of pictures with a digest of both, so that no changed bit gives them another name."""
    return f"{content} {digest([files, content])}"


def _class_names(trees: Mapping[str, PictureTree], path: Path) -> tuple[str, ...]:
    """Give the classes; every split has to have the same, enough of them, and enough pictures in each."""
    found = {split: Counter(map(tree.class_of, tree.names)) for split, tree in trees.items()}
    problems = [problem for split, tree in trees.items() for problem in _unusable_classes(split, tree, found[split])]
    train, test = (sorted(found.get(split, found.get("all", {}))) for split in ("train", "test"))
    if not problems and train != test:
        expected = f"the classes of train ({shown(', '.join(train))})"
        problems.append(Problem(f"{shown(path)}: test", expected, shown(", ".join(test))))
    if problems:
        raise UserError(shortened(problems))
    return tuple(train)


def _unusable_classes(split: str, tree: PictureTree, found: Mapping[str, int]) -> Iterator[Problem]:
    place = tree.place_of("").rstrip("/: ")
    for name in tree.empty_folders():
        yield Problem(tree.place_of(name), "pictures in every class folder", "an empty folder; fill or remove it")
    if len(found) < 2:
        named = f"{len(found)} ({shown(', '.join(found))})" if found else "none"
        yield Problem(place, "at least two class folders with pictures", named)
    elif split == "all":
        for name in sorted(name for name, count in found.items() if count < TEST_SHARE):
            expected = f"at least {TEST_SHARE} pictures, as one in {TEST_SHARE} of every class is kept for testing"
            yield Problem(tree.place_of(name), expected, str(found[name]))


def _decode(trees: Mapping[str, PictureTree], path: Path, size: int, channels: Literal[1, 3]) -> Splits:
    classes = _class_names(trees, path)
    problems: list[Problem] = []
    pictures = {split: _decode_tree(tree, size, channels, problems) for split, tree in trees.items()}
    problems += _too_dark(pictures, path)
    if problems:
        raise UserError(shortened(problems))
    found = {split: _image_set(trees[split], classes, pictures[split]) for split in trees}
    named = {
        name if split == "all" else f"{split}/{name}": picture
        for split, some in pictures.items()
        for name, picture in some.items()
    }
    frames = sorted(name for name, picture in named.items() if picture.has_frames)
    notes = tuple(notes_on(trees))
    if frames:
        what = f"{counted(len(frames), 'picture')} {'has' if len(frames) == 1 else 'have'} several frames or pages"
        notes += (f"{what}, of which the first is used: {listed(frames)}",)
    copies = shown(name_copies({name: picture.pixels for name, picture in named.items()}))
    if "all" in found:
        train, test = split_stratified(found["all"], TEST_SHARE)
    else:
        train, test = found["train"], found["test"]
    return Splits(classes, train, test, notes=notes, copies=copies)


def _too_dark(pictures: Mapping[str, Mapping[str, Picture]], path: Path) -> list[Problem]:
    """Refuse 16 bits of which no picture uses the upper ones: 12-bit values, which would be nearly black."""
    deep = [each.deepest for some in pictures.values() for each in some.values() if each.deepest is not None]
    if not deep or max(deep) >= _HALF:
        return []
    seen = f"none above {(max(deep) + 1) * 256 - 1} in {counted(len(deep), 'picture')}"
    got = f"{seen}; scale them, or store them with 8 bits"
    return [Problem(shown(path), "values over the whole range of 16 bits, up to 65535", got)]


def _decode_tree(tree: PictureTree, size: int, channels: Literal[1, 3], problems: list[Problem]) -> dict[str, Picture]:
    """Decode all pictures of a tree in parallel; what cannot be decoded is added to `problems`."""
    pictures: dict[str, Picture] = {}
    decode = partial(_decode_one, size=size, channels=channels)
    with ThreadPoolExecutor(available_cores()) as pool:
        for some in _batched(tree.contents(problems)):
            for name, picture in pool.map(decode, some):
                if isinstance(picture, SmallPicture):
                    expected = f"at least {size} x {size} pixels (size)"
                    problems.append(Problem(tree.place_of(name), expected, str(picture)))
                elif isinstance(picture, UnreadablePicture):
                    problems.append(Problem(tree.place_of(name), "a whole picture", str(picture)))
                else:
                    pictures[name] = picture
    return dict(sorted(pictures.items()))


def _image_set(tree: PictureTree, classes: Sequence[str], pictures: Mapping[str, Picture]) -> ImageSet:
    label_of = {name: label for label, name in enumerate(classes)}
    labels = np.array([label_of[tree.class_of(name)] for name in pictures], dtype=np.int64)
    return ImageSet(np.stack([picture.pixels for picture in pictures.values()]), labels)


def _decode_one(
    picture: tuple[str, bytes], size: int, channels: Literal[1, 3]
) -> tuple[str, Picture | UnreadablePicture]:
    name, content = picture
    try:
        return name, read_picture(content, size, channels)
    except UnreadablePicture as error:
        return name, error


def _batched(contents: Iterator[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Gather pictures for the pool: not more than a number of them, nor many more bytes than fit into memory."""
    some: list[tuple[str, bytes]] = []
    num_bytes = 0
    for name, content in contents:
        some.append((name, content))
        num_bytes += len(content)
        if len(some) >= _AT_ONCE or num_bytes >= _BYTES_AT_ONCE:
            yield some
            some, num_bytes = [], 0
    if some:
        yield some
