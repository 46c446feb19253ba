"""Images with labels as arrays: digests, an order that says nothing about labels, splits and subsets by content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORDER_SALT = b"order"
"""Sets the hash that orders images apart from the one that chooses those held out."""

_SUBSET_SALT = b"subset"
"""Sets the hash that chooses a subset apart from both."""


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

    def in_order(self) -> ImageSet:
        """Give the same images ordered by a hash of their pixels: as fixed as it is free of labels and file names."""
        return self.take(content_order(self.images, ORDER_SALT))


@dataclass(frozen=True)
class Splits:
    """What a loader gives: C class names, training and test images, in whatever order it found them.

    Attributes:
        class_names: C names.
        train: training images.
        test: test images.
        content: names the files by their content, for a user's own pictures.
        notes: what was passed over, or read in a way that somebody may not expect.
        copies: some files that are equal pictures, for messages.
    """

    class_names: tuple[str, ...]
    train: ImageSet
    test: ImageSet
    content: str | None = None
    notes: tuple[str, ...] = ()
    copies: str = ""


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
    return ordered.take(np.flatnonzero(~held_out)).in_order(), ordered.take(np.flatnonzero(held_out)).in_order()


def choose_stratified(image_set: ImageSet, count: int) -> ImageSet:
    """Choose `count` images by content hash, with the classes in proportion (largest remainders, then lowest label).

    Args:
        image_set: at least `count` images.
        count: how many are kept.

    Raises:
        ValueError: there are fewer.
    """
    total = len(image_set.labels)
    if count > total:
        raise ValueError(f"expected at most {total} images, the number there is, got {count}")
    labels, sizes = np.unique(image_set.labels, return_counts=True)
    quotas, remainders = count * sizes // total, count * sizes % total
    most_left_first = sorted(range(len(labels)), key=lambda position: (-remainders[position], labels[position]))
    for position in most_left_first[: count - int(quotas.sum())]:
        quotas[position] += 1
    ordered = image_set.take(content_order(image_set.images, _SUBSET_SALT))
    chosen = [np.flatnonzero(ordered.labels == label)[:quota] for label, quota in zip(labels, quotas, strict=True)]
    return ordered.take(np.concatenate(chosen))
