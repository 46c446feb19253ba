"""Anybody's pictures: class folders, split by their owner or here by content; folders and archives alike.

It refuses to guess: a file of a class folder that is no whole picture is named, all of them at once.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import PIL
from numpy.typing import NDArray

from benchmark.data.decoded import DataFolders, decoded_once
from benchmark.data.image_set import ImageSet, Splits, split_stratified
from benchmark.data.picture_tree import PictureTree, content_of, find_trees
from benchmark.data.pictures import DECODER_VERSION, UnreadablePicture, decode_picture
from benchmark.spec import ImageFolder, Problem
from benchmark.spec.canonical import digest
from benchmark.spec.validation import InvalidDocument

TEST_SHARE = 5
"""Without a `test/` folder, one picture in five of every class is a test picture."""

_MOST_NAMED = 20
_AT_ONCE = 512


def load_image_folder(spec: ImageFolder, folders: DataFolders) -> Splits:
    """Load a folder of class folders, or one with such a folder under each of `train/` and `test/`.

    Class names are in alphabetical order. Files whose names begin with a dot are passed over.

    Raises:
        InvalidDocument: there is no such folder, its classes make no sense, or files in it are no whole pictures.
    """
    path = folders.downloads / spec.path  # an absolute path stays what it is
    key = digest(
        {
            "pictures": content_of(path),
            "size": spec.size,
            "channels": spec.channels,
            "test_share": TEST_SHARE,
            "decoder": [DECODER_VERSION, PIL.__version__],
        }
    )
    return decoded_once(folders, key, lambda: _decode(find_trees(path), path, spec.size, spec.channels))


def _class_names(trees: Mapping[str, PictureTree], path: Path) -> tuple[str, ...]:
    found = {split: sorted({tree.class_of(name) for name in tree.names}) for split, tree in trees.items()}
    problems = [
        Problem(f"{path}: {split}", "at least two class folders with pictures", ", ".join(names) or "none")
        for split, names in found.items()
        if len(names) < 2
    ]
    train, test = (found.get(split, found.get("all", [])) for split in ("train", "test"))
    if not problems and train != test:
        expected = f"the classes of train ({', '.join(train)})"
        problems.append(Problem(f"{path}: test", expected, ", ".join(test)))
    if problems:
        raise InvalidDocument(problems)
    return tuple(train)


def _decode(trees: Mapping[str, PictureTree], path: Path, size: int, channels: Literal[1, 3]) -> Splits:
    classes = _class_names(trees, path)
    problems: list[Problem] = []
    found = {split: _decode_tree(tree, classes, size, channels, problems) for split, tree in trees.items()}
    if problems:
        more = len(problems) - _MOST_NAMED
        rest = [Problem(f"{more} more files", "whole pictures", "none")] if more > 0 else []
        raise InvalidDocument([*problems[:_MOST_NAMED], *rest])
    if "all" in found:
        return Splits(classes, *split_stratified(found["all"], TEST_SHARE))
    return Splits(classes, found["train"], found["test"])


def _decode_tree(
    tree: PictureTree, classes: Sequence[str], size: int, channels: Literal[1, 3], problems: list[Problem]
) -> ImageSet:
    """Decode all pictures of a tree in parallel; what cannot be decoded is added to `problems`."""
    label_of = {name: label for label, name in enumerate(classes)}
    images: dict[str, NDArray[np.uint8]] = {}
    decode = partial(_decode_one, size=size, channels=channels)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for some in _batched(tree.contents()):
            for name, image in pool.map(decode, some):
                if isinstance(image, UnreadablePicture):
                    problems.append(Problem(tree.place_of(name), "a whole picture", str(image)))
                else:
                    images[name] = image
    names = sorted(images)
    labels = np.array([label_of[tree.class_of(name)] for name in names], dtype=np.int64)
    return ImageSet(np.stack([images[name] for name in names]) if names else _none(size, channels), labels)


def _none(size: int, channels: int) -> NDArray[np.uint8]:
    return np.empty((0, channels, size, size), dtype=np.uint8)


def _decode_one(
    picture: tuple[str, bytes], size: int, channels: Literal[1, 3]
) -> tuple[str, NDArray[np.uint8] | UnreadablePicture]:
    name, content = picture
    try:
        return name, decode_picture(content, size, channels)
    except UnreadablePicture as error:
        return name, error


def _batched(contents: Iterator[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    while some := list(itertools.islice(contents, _AT_ONCE)):
        yield some
