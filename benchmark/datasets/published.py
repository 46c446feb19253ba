"""Datasets that torchvision downloads and checks, laid out under one folder as torchvision does.

Decoded images are kept under the published checksums, so the files are read once, and may be removed afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from benchmark.datasets.decoded import DataFolders, decoded_once
from benchmark.datasets.image_set import ImageSet, Splits
from benchmark.datasets.pictures import DECODER_VERSION, resize_all
from benchmark.datasets.torchvision_import import import_torchvision
from benchmark.spec import AnyPublished, Problem, UserError
from benchmark.spec.canonical import digest

_CLASSES = {
    "cifar10": "CIFAR10", "cifar100": "CIFAR100", "svhn": "SVHN", "stl10": "STL10", "fashion_mnist": "FashionMNIST"
}  # fmt: skip


@dataclass(frozen=True)
class _File:
    """A file with the md5 that was published for it, relative to the folder of downloads."""

    path: str
    md5: str

    def is_whole(self, folder: Path) -> bool:
        """Whether it is there with every byte right."""
        try:
            with (folder / self.path).open("rb") as file:
                return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == self.md5
        except FileNotFoundError:
            return False


def load_published(spec: AnyPublished, folders: DataFolders, *, download: bool) -> Splits | None:
    """Load a dataset; None where it is not here and not to be downloaded.

    Raises:
        UserError: files are damaged, or cannot be downloaded.
    """
    source = getattr(import_torchvision("torchvision.datasets"), _CLASSES[spec.name])
    fetched, unpacked = _files(spec.name, source)
    size = spec.image_shape[-1]
    key = digest(
        {
            "dataset": spec.name,
            "files": [[file.path, file.md5] for file in (*fetched, *unpacked)],
            "size": size,
            "decoder": [DECODER_VERSION, PIL.__version__],
        }
    )
    if not download and not (folders.decoded / f"{key}.safetensors").exists():
        whole = unpacked or fetched
        if not all((folders.downloads / file.path).exists() for file in whole):
            return None
    return decoded_once(folders, key, lambda: _read(spec.name, source, folders.downloads, size, fetched, unpacked))


def _files(name: str, source: Any) -> tuple[tuple[_File, ...], tuple[_File, ...]]:
    """Give what is downloaded and what is unpacked from that, with published checksums (read from torchvision)."""
    match name:
        case "svhn":
            return tuple(_File(*source.split_list[split][1:]) for split in ("train", "test")), ()
        case "fashion_mnist":
            return tuple(_File(f"{source.__name__}/raw/{file}", md5) for file, md5 in source.resources), ()
        case _:
            parts = [*source.train_list, *source.test_list]
            unpacked = (_File(f"{source.base_folder}/{file}", md5) for file, md5 in parts)
            return (_File(source.filename, source.tgz_md5),), tuple(unpacked)


def _read(
    name: str, source: Any, folder: Path, size: int, fetched: tuple[_File, ...], unpacked: tuple[_File, ...]
) -> Splits:
    damaged = [file for file in unpacked if (folder / file.path).exists() and not file.is_whole(folder)]
    if damaged:
        raise UserError([_damaged(file, folder) for file in damaged])
    train, test = (_open(name, source, folder, split, fetched) for split in ("train", "test"))
    names: Any = getattr(train, "classes", None) or range(10)
    sets = [ImageSet(resize_all(_images(each), size), _labels(each)) for each in (train, test)]
    return Splits(tuple(map(str, names)), sets[0], sets[1])


def _damaged(file: _File, folder: Path) -> Problem:
    expected = f"the published file (md5 {file.md5})"
    return Problem(str(folder / file.path), expected, "other bytes; remove it, and it is fetched again")


def _open(name: str, source: Any, folder: Path, split: str, fetched: tuple[_File, ...]) -> Any:
    arguments = {"split": split} if name in ("svhn", "stl10") else {"train": split == "train"}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return source(str(folder), download=True, **arguments)
    except Exception as error:  # damaged files make readers raise nearly anything
        reason = (str(error) or repr(error)).splitlines()[0]
        problems = list(_not_whole(fetched, folder, reason))
    raise UserError(problems or [Problem(str(folder), f"files of {name} that torchvision can read", reason)])


def _not_whole(fetched: tuple[_File, ...], folder: Path, reason: str) -> Iterator[Problem]:
    for file in fetched:
        if file.is_whole(folder):
            continue
        if (folder / file.path).exists():
            yield _damaged(file, folder)
        else:
            expected = "this file, or a connection to download it (FMN_DATA says where files are)"
            yield Problem(str(folder / file.path), expected, f"neither ({reason})")


def _images(opened: Any) -> NDArray[np.uint8]:
    """Give uint8 (N, height, width, channels)."""
    images = np.asarray(opened.data)
    if images.ndim == 3:
        return images[..., None]
    return images if images.shape[-1] == 3 else images.transpose(0, 2, 3, 1)


def _labels(opened: Any) -> NDArray[np.int64]:
    labels = opened.targets if hasattr(opened, "targets") else opened.labels
    return np.asarray(labels).astype(np.int64)
