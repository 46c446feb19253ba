"""Datasets as uint8 tensors with content digests and a fixed split. Host side: trainers never import this module.

Libraries that contain or fetch data (scikit-learn, torchvision) are imported only by the dataset that needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmark.datasets.copies import Copies, count_copies
from benchmark.datasets.decoded import DataFolders, decoded_once
from benchmark.datasets.image_set import ImageSet, Splits, choose_stratified, content_order, split_stratified
from benchmark.spec import DatasetSpec, DigitsDataset, ImageFolder, Problem, PublishedDataset, UserError

__all__ = [
    "DataFolders", "Dataset", "DatasetFacts", "ImageSet", "MissingDataError", "content_order", "declared_facts",
    "load_dataset", "split_stratified",
]  # fmt: skip

VALIDATION_SHARE = 5
"""One training image in five is held out when a specification is scored on `validation`."""


class MissingDataError(UserError):
    """A dataset is not here, and was not to be downloaded."""


@dataclass(frozen=True)
class DatasetFacts:
    """What planning and checking need to know: number of training images, (channels, height, width), C, flip."""

    num_train: int
    image_shape: tuple[int, int, int]
    num_classes: int
    flip: bool


@dataclass(frozen=True)
class Dataset:
    """A dataset as the benchmark uses it: what is trained on and what is scored.

    Attributes:
        name: name of the dataset in the specification.
        class_names: C names.
        train: training images in a fixed content-derived order that says nothing about their labels.
        test: the images that are scored (the test split, or the validation split when the specification says so).
        flip: whether a mirrored image still shows its class.
        content: names a user's own pictures by the content of their files.
        notes: what was passed over, or read in a way that somebody may not expect; a sentence each.
    """

    name: str
    class_names: tuple[str, ...]
    train: ImageSet
    test: ImageSet
    flip: bool
    content: str | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def copies(self) -> Copies:
        """Number of equal images across the split and across labels."""
        return count_copies(self.train, self.test)

    @property
    def num_classes(self) -> int:
        """Number of classes, C."""
        return len(self.class_names)

    @property
    def facts(self) -> DatasetFacts:
        """Give what planning and checking need."""
        channels, height, width = self.train.images.shape[1:]
        return DatasetFacts(len(self.train.labels), (channels, height, width), self.num_classes, self.flip)


def load_dataset(spec: DatasetSpec, folders: DataFolders, *, download: bool = True) -> Dataset:
    """Load the dataset that a specification names.

    Training images are ordered by the hash of their pixels: fixed on every machine, and free of the class order that
    files often have (a class-sorted file would leak labels to methods that must not have them). Subsets and the
    validation split are chosen by such hashes too, of the images at the size at which they are used.

    Args:
        spec: which dataset.
        folders: where downloads and decoded images are kept.
        download: whether what is missing may be fetched.

    Raises:
        UserError: files are wrong, damaged or cannot be had, or too many are copies of others; says which.
        MissingDataError: nothing is wrong, but downloading was not allowed and nothing is here.
    """
    splits = _splits(spec, folders, download=download)
    train, test = splits.train, splits.test
    if not isinstance(spec, DigitsDataset):
        train = _chosen("train_examples", train, spec.train_examples)
        test = _chosen("test_examples", test, spec.test_examples)
    if spec.evaluate_on == "validation":
        train, test = split_stratified(train, VALIDATION_SHARE)
    dataset = Dataset(spec.name, splits.class_names, train, test, spec.flip, splits.content, splits.notes)
    if isinstance(spec, ImageFolder):
        problems = dataset.copies.too_many(spec.max_copies, f" (such as {splits.copies})" if splits.copies else "")
        if problems:
            raise UserError(problems)
    return dataset


def declared_facts(spec: DatasetSpec) -> DatasetFacts | None:
    """Say what is known of a dataset without its files; None where only the files know.

    The number of training images left by a validation split is exact where classes are balanced.
    """
    if not isinstance(spec, PublishedDataset):
        return None
    num_train = spec.train_examples or spec.num_train
    if spec.evaluate_on == "validation":
        num_train -= num_train // VALIDATION_SHARE
    return DatasetFacts(num_train, spec.image_shape, spec.num_classes, spec.flip)


def _splits(spec: DatasetSpec, folders: DataFolders, *, download: bool) -> Splits:
    match spec:
        case DigitsDataset():
            return decoded_once(folders, f"digits-{version('scikit-learn')}", _digits)
        case ImageFolder():
            from benchmark.datasets.image_folder import load_image_folder

            return load_image_folder(spec, folders)
        case _:
            from benchmark.datasets.published import load_published

            splits = load_published(spec, folders, download=download)
            if splits is None:
                expected = f"the files of {spec.name} in {folders.downloads} (FMN_DATA)"
                raise MissingDataError([Problem("dataset", expected, "none there")])
            return splits


def _chosen(option: str, image_set: ImageSet, count: int | None) -> ImageSet:
    """Take a subset where one is asked for, and put what is used into the order that says nothing about labels."""
    try:
        chosen = image_set if count is None else choose_stratified(image_set, count)
    except ValueError:
        expected = f"at most {len(image_set.labels)}, the number of pictures there are"
        raise UserError([Problem(f"dataset.{option}", expected, str(count))]) from None
    return chosen.in_order()


def _digits() -> Splits:
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    # 17 grey levels, 0 to 16, spread over 0 to 255
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[:, None]
    train, test = split_stratified(ImageSet(images, digits.target.astype(np.int64)), share=4)
    return Splits(tuple(map(str, range(10))), train, test)
