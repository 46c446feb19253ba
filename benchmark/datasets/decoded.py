"""Decoded images by the content of what they were decoded from: a picture is never decoded twice."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from benchmark.datasets.image_set import ImageSet, Splits
from benchmark.files.atomic import replaced_file
from benchmark.spec.canonical import digest

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataFolders:
    """Where datasets live on this machine.

    Attributes:
        downloads: what was downloaded, laid out as torchvision does (`FMN_DATA`).
        decoded: decoded images.
    """

    downloads: Path
    decoded: Path


def decoded_once(folders: DataFolders, key: str, decode: Callable[[], Splits]) -> Splits:
    """Give what `decode` gives, from the file of that name where one is whole.

    Args:
        folders: says where the file is kept.
        key: names the content of the files that are decoded, and how they are.
        decode: called where no file of that name is there, or a damaged one.
    """
    path = folders.decoded / f"{key}.safetensors"
    known = _read(path)
    if known is None:
        known = decode()
        _write(path, known)
    return known


def _read(path: Path) -> Splits | None:
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no iterator here
            said = file.metadata()
        train = ImageSet(tensors["train.images"], tensors["train.labels"])
        test = ImageSet(tensors["test.images"], tensors["test.labels"])
        found = Splits(
            tuple(json.loads(said["class_names"])), train, test,
            notes=tuple(json.loads(said.get("notes", "[]"))), copies=said.get("copies", ""),
        )  # fmt: skip
        if said.get("digest") == _digest(found):
            return found
        logger.warning("%s is damaged, or from an earlier version: the pictures are decoded again", path)
        return None
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        logger.warning("%s is damaged, the pictures are decoded again: %s", path, error)
        return None


def _digest(splits: Splits) -> str:
    """Digest of everything in a file: names of classes, pixels and labels, and what is said about them, if anything."""
    content = {"names": list(splits.class_names), "train": splits.train.digest, "test": splits.test.digest}
    said = {"notes": list(splits.notes), "copies": splits.copies} if splits.notes or splits.copies else {}
    return digest({**content, **said})


def _write(path: Path, splits: Splits) -> None:
    arrays = {
        "train.images": splits.train.images, "train.labels": splits.train.labels,
        "test.images": splits.test.images, "test.labels": splits.test.labels,
    }  # fmt: skip
    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}  # any other layout is written wrong
    said = {
        "class_names": json.dumps(splits.class_names), "digest": _digest(splits),
        "notes": json.dumps(splits.notes), "copies": splits.copies,
    }  # fmt: skip
    with replaced_file(path) as unfinished:
        save_file(tensors, unfinished, metadata=said)
