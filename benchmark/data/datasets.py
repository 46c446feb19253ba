"""Datasets as uint8 tensors with content digests and a fixed split. Host side: trainers never import this module.

Libraries that contain or fetch data (scikit-learn, torchvision) are imported only by the dataset that needs them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.spec import DigitsDataset

VALIDATION_SHARE = 5
"""One training image in five is held out when a specification is scored on `validation`."""

_ORDER_SALT = b"order"
"""Sets the hash that orders images apart from the one that chooses them."""


@dataclass(frozen=True)
class ImageSet:
    """Images with their labels.

    Attributes:
        images: uint8 (N, channels, height, width).
        labels: int64 (N,), values in [0, C).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    @property
    def digest(self) -> str:
        """sha256 over shape, images and labels."""
        hasher = hashlib.sha256(f"{self.images.shape}".encode())
        hasher.update(np.ascontiguousarray(self.images).tobytes())
        hasher.update(np.ascontiguousarray(self.labels, dtype="<i8").tobytes())
        return hasher.hexdigest()

    def take(self, positions: NDArray[np.int64]) -> ImageSet:
        """Give the images at `positions`, in that order."""
        return ImageSet(self.images[positions], self.labels[positions])


@dataclass(frozen=True)
class Dataset:
    """A dataset as the benchmark uses it: what is trained on and what is scored.

    Attributes:
        name: name of the dataset in the specification.
        class_names: C names.
        train: training images in a fixed content-derived order that says nothing about their labels.
        test: the images that are scored (the test split, or the validation split when the specification says so).
    """

    name: str
    class_names: tuple[str, ...]
    train: ImageSet
    test: ImageSet

    @property
    def num_classes(self) -> int:
        """Number of classes, C."""
        return len(self.class_names)


def load_dataset(spec: DigitsDataset) -> Dataset:
    """Load the dataset that a specification names.

    Training images are ordered by the hash of their pixels: fixed on every machine, and free of the class order that
    files often have (a class-sorted file would leak labels to methods that must not have them).
    """
    dataset = _digits(spec.name)
    if spec.evaluate_on == "validation":
        train, validation = split_stratified(dataset.train, VALIDATION_SHARE)
        return Dataset(dataset.name, dataset.class_names, train, validation)
    return dataset


def _digits(name: str) -> Dataset:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    # 17 grey levels, 0 to 16, spread over 0 to 255
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, None]
    train, test = split_stratified(ImageSet(images, digits.target.astype(np.int64)), share=4)
    return Dataset(name, tuple(map(str, range(10))), train, test)


def content_order(images: NDArray[np.uint8], salt: bytes = b"") -> NDArray[np.int64]:
    """Order images by the sha256 of `salt` and their pixels, equal images by position: (N,) positions."""
    hashes = [hashlib.sha256(salt + image.tobytes()).digest() for image in images]
    return np.array(sorted(range(len(images)), key=lambda position: (hashes[position], position)), dtype=np.int64)


def split_stratified(image_set: ImageSet, share: int) -> tuple[ImageSet, ImageSet]:
    """Hold out one image in `share` of every class, chosen by content hash: needs no seed, no library's shuffling.

    Returns:
        (kept, held out), both ordered by a second hash: in the order by which images are chosen, those kept would begin
        with the classes whose share was filled first (of the digits, with seven threes in a row).
    """
    ordered = image_set.take(content_order(image_set.images))
    held_out = np.zeros(len(ordered.labels), dtype=bool)
    for label in np.unique(ordered.labels):
        of_class = np.flatnonzero(ordered.labels == label)
        held_out[of_class[: len(of_class) // share]] = True
    kept, taken = ordered.take(np.flatnonzero(~held_out)), ordered.take(np.flatnonzero(held_out))
    return kept.take(content_order(kept.images, _ORDER_SALT)), taken.take(content_order(taken.images, _ORDER_SALT))
