"""Which images are trained on and scored: a tagged union, one model per dataset, with what is known of each beforehand.

Pure data. It refuses to load anything: see `benchmark.datasets.dataset`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from benchmark.spec.base import Document, Problem

Side = Annotated[int, Field(ge=4, le=512)]
Count = Annotated[int, Field(ge=1, le=100_000_000)]


MAX_COPIES = 0.05
"""What is permitted unless a document says otherwise; documents that do not are written without it, as they were."""


class DigitsDataset(Document):
    """Handwritten digits bundled with scikit-learn: 1,797 grey images of 8 x 8 pixels, 10 classes, no download."""

    name: Literal["digits"]
    """Tag of this dataset."""
    evaluate_on: Literal["test", "validation"] = "test"
    """Which images are scored: the `test` split, or a `validation` fifth taken out of training to choose settings."""
    flip: ClassVar[bool] = False


class _Images(Document):
    size: Side | None = None
    """Side in pixels to which images are resized once, with anti-aliasing, 4 to 512; by default as published."""
    train_examples: Count | None = None
    """How many training images are used, with the classes in proportion, chosen by content; by default all."""
    test_examples: Count | None = None
    """The same for test images."""
    evaluate_on: Literal["test", "validation"] = "test"
    """Which images are scored: the `test` split, or a `validation` fifth taken out of training to choose settings."""


class PublishedDataset(_Images):
    """A dataset with a name in the field, as torchvision downloads and checks it.

    Class attributes say what is published: (channels, side), number of classes, of training and of test images, and
    `flip`, whether a mirrored image still shows its class.
    """

    published_shape: ClassVar[tuple[int, int]]
    num_classes: ClassVar[int] = 10
    num_train: ClassVar[int]
    num_test: ClassVar[int] = 10_000
    flip: ClassVar[bool] = True

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) as used."""
        channels, side = self.published_shape
        return channels, self.size or side, self.size or side

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse to use more images than there are, or larger ones."""
        published = {"train_examples": cls.num_train, "test_examples": cls.num_test, "size": cls.published_shape[1]}
        for field, most in published.items():
            if (values.get(field) or 0) > most:
                yield Problem(field, f"at most {most}, as published", str(values[field]), str(most))


class Cifar10(PublishedDataset):
    """CIFAR-10 (Krizhevsky 2009): 60,000 photographs of 32 x 32 pixels, 10 classes."""

    name: Literal["cifar10"]
    """Tag of this dataset."""
    published_shape: ClassVar[tuple[int, int]] = (3, 32)
    num_train: ClassVar[int] = 50_000


class Cifar100(PublishedDataset):
    """CIFAR-100 (Krizhevsky 2009): 60,000 photographs of 32 x 32 pixels, 100 classes."""

    name: Literal["cifar100"]
    """Tag of this dataset."""
    published_shape: ClassVar[tuple[int, int]] = (3, 32)
    num_classes: ClassVar[int] = 100
    num_train: ClassVar[int] = 50_000


class Svhn(PublishedDataset):
    """Street View House Numbers (Netzer et al. 2011): 99,289 digits in colour, 32 x 32; without the `extra` part."""

    name: Literal["svhn"]
    """Tag of this dataset."""
    published_shape: ClassVar[tuple[int, int]] = (3, 32)
    num_train: ClassVar[int] = 73_257
    num_test: ClassVar[int] = 26_032
    flip: ClassVar[bool] = False


class Stl10(PublishedDataset):
    """STL-10 (Coates et al. 2011): 13,000 photographs of 96 x 96 pixels, 10 classes; labelled part only."""

    name: Literal["stl10"]
    """Tag of this dataset."""
    published_shape: ClassVar[tuple[int, int]] = (3, 96)
    num_train: ClassVar[int] = 5_000
    num_test: ClassVar[int] = 8_000


class FashionMnist(PublishedDataset):
    """Fashion-MNIST (Xiao et al. 2017): 70,000 grey pictures of clothes, 28 x 28 pixels, 10 classes."""

    name: Literal["fashion_mnist"]
    """Tag of this dataset."""
    published_shape: ClassVar[tuple[int, int]] = (1, 28)
    num_train: ClassVar[int] = 60_000


class ImageFolder(_Images):
    """A user's own pictures: one folder per class, either under `train/` and `test/`, or split here by content."""

    name: Literal["image_folder"]
    """Tag of this dataset."""
    path: Annotated[str, Field(min_length=1, max_length=4096)]
    """A folder, or a .zip, .tar, .tar.gz or .tgz of one; relative to the file that says so (shipped ones: FMN_DATA).
    In records it is the sha256 of the pictures, `sha256:...`, wherever they lie."""
    size: Side  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride] - required here
    """Side in pixels, 4 to 512: pictures are cropped to a square around their centre and resized, anti-aliased."""
    channels: Literal[1, 3] = 3
    """3 for colour, 1 for grey; pictures of the other kind are converted."""
    flip: bool = True
    """Whether a mirrored picture still shows its class: false for digits, letters and signs."""
    max_copies: Annotated[float, Field(ge=0, le=1, exclude_if=lambda share: share == MAX_COPIES)] = MAX_COPIES
    """Largest share of test pictures that may be trained on, and of pictures with several labels, in [0, 1]."""


AnyPublished = Cifar10 | Cifar100 | Svhn | Stl10 | FashionMnist
"""Any dataset that torchvision downloads."""

TransferDataset = Annotated[AnyPublished, Field(discriminator="name")]
"""A dataset on which frozen encoders are read that were trained on another one."""

DatasetSpec = Annotated[
    DigitsDataset | Cifar10 | Cifar100 | Svhn | Stl10 | FashionMnist | ImageFolder, Field(discriminator="name")
]
"""Any dataset of a specification; `name` says which."""
