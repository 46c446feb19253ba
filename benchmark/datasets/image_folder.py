"""A user's own pictures in class folders, split by their owner or here by content; folders and archives alike.

It refuses to guess: a file of a class folder that is no whole picture, or a smaller one than asked for, is named, and
all such files at once.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import PIL
from numpy.typing import NDArray

from benchmark.datasets.decoded import DataFolders, decoded_once
from benchmark.datasets.image_set import ImageSet, Splits, split_stratified
from benchmark.datasets.picture_tree import PictureTree, content_of, find_trees
from benchmark.datasets.pictures import DECODER_VERSION, SmallPicture, UnreadablePicture, decode_picture
from benchmark.machine import available_cores
from benchmark.spec import ImageFolder, Problem, UserError
from benchmark.spec.canonical import digest

TEST_SHARE = 5
"""Without a `test/` folder, one picture in five of every class is a test picture."""

_MOST_NAMED = 20
_AT_ONCE = 512


def load_image_folder(spec: ImageFolder, folders: DataFolders) -> Splits:
    """Load a folder of class folders, or one with such a folder under each of `train/` and `test/`.

    Class names are in alphabetical order. Files whose names begin with a dot are passed over.

    Raises:
        UserError: there is no such folder, its classes make no sense or have too few pictures, or files in it are
            no whole pictures of at least the size asked for.
    """
    path = folders.downloads / spec.path  # an absolute path stays what it is
    if not path.exists():
        hint = "" if Path(spec.path).is_absolute() else " (FMN_DATA says where shipped documents look)"
        raise UserError([Problem("dataset.path", "a folder or archive of pictures", f"nothing at {path}{hint}")])
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
    """Give the classes; every split has to have the same, enough of them, and enough pictures in each."""
    found = {split: Counter(map(tree.class_of, tree.names)) for split, tree in trees.items()}
    problems = [problem for split, tree in trees.items() for problem in _unusable_classes(split, tree, found[split])]
    train, test = (sorted(found.get(split, found.get("all", {}))) for split in ("train", "test"))
    if not problems and train != test:
        expected = f"the classes of train ({', '.join(train)})"
        problems.append(Problem(f"{path}: test", expected, ", ".join(test)))
    if problems:
        raise UserError(_shortened(problems))
    return tuple(train)


def _unusable_classes(split: str, tree: PictureTree, found: Mapping[str, int]) -> Iterator[Problem]:
    place = tree.place_of("").rstrip("/")
    for name in tree.empty_folders():
        yield Problem(tree.place_of(name), "pictures in every class folder", "an empty folder; fill or remove it")
    if len(found) < 2:
        named = f"{len(found)} ({', '.join(found)})" if found else "none"
        yield Problem(place, "at least two class folders with pictures", named)
    elif split == "all":
        for name in sorted(name for name, count in found.items() if count < TEST_SHARE):
            expected = f"at least {TEST_SHARE} pictures, as one in {TEST_SHARE} of every class is kept for testing"
            yield Problem(tree.place_of(name), expected, str(found[name]))


def _shortened(problems: Sequence[Problem]) -> list[Problem]:
    more = len(problems) - _MOST_NAMED
    rest = [Problem(f"{more} more", "nothing wrong", "problems like these")] if more > 0 else []
    return [*problems[:_MOST_NAMED], *rest]


def _decode(trees: Mapping[str, PictureTree], path: Path, size: int, channels: Literal[1, 3]) -> Splits:
    classes = _class_names(trees, path)
    problems: list[Problem] = []
    found = {split: _decode_tree(tree, classes, size, channels, problems) for split, tree in trees.items()}
    if problems:
        raise UserError(_shortened(problems))
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
    with ThreadPoolExecutor(available_cores()) as pool:
        for some in _batched(tree.contents()):
            for name, image in pool.map(decode, some):
                if isinstance(image, SmallPicture):
                    problems.append(Problem(tree.place_of(name), f"at least {size} x {size} pixels (size)", str(image)))
                elif isinstance(image, UnreadablePicture):
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
