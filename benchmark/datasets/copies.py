"""Equal images in a data set: test images that are trained on, and equal images with different labels.

A test image that was trained on is remembered, not recognised, and two labels on one image cannot both be right. They
are counted for every data set; a user's own pictures are refused above a limit.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.datasets.image_set import ImageSet
from benchmark.spec import Problem

_MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Copies:
    """How many images are equal, pixel by pixel, at the size at which they are used.

    Attributes:
        test_in_training: number of test images that are among the training images, too.
        several_labels: number of images, training and test together, that stand under another label, too.
        num_test: number of test images.
        num_images: number of training and test images.
    """

    test_in_training: int
    several_labels: int
    num_test: int
    num_images: int

    def too_many(self, limit: float, examples: str) -> list[Problem]:
        """Return what is above a limit, a share in [0, 1]."""
        remedy = "remove copies, or raise dataset.max_copies knowingly"
        counts = {
            "test images that are trained on": (self.test_in_training, self.num_test),
            "images that stand under several labels": (self.several_labels, self.num_images),
        }
        return [
            Problem("dataset.path", f"at most {limit:.0%} {what}", f"{count} of {of}{examples}; {remedy}")
            for what, (count, of) in counts.items()
            if count > limit * of
        ]

    def in_words(self) -> str:
        """Say the counts in one sentence."""
        trained = f"{self.test_in_training:,} of {self.num_test:,} test images are among the training images"
        return f"{trained}, {self.several_labels:,} of {self.num_images:,} images stand under several labels"


def count_copies(train: ImageSet, test: ImageSet) -> Copies:
    """Count equal images across the split and across labels."""
    labels_of: defaultdict[bytes, set[int]] = defaultdict(set)
    trained, tested = _digests(train.images), _digests(test.images)
    for digest, label in zip(trained + tested, [*train.labels.tolist(), *test.labels.tolist()], strict=True):
        labels_of[digest].add(label)
    known = set(trained)
    return Copies(
        test_in_training=sum(digest in known for digest in tested),
        several_labels=sum(len(labels_of[digest]) > 1 for digest in trained + tested),
        num_test=len(tested),
        num_images=len(trained) + len(tested),
    )


def name_copies(images: Mapping[str, NDArray[np.uint8]]) -> str:
    """Name some pictures that are equal: `cat/1.png = dog/7.png, ...`; empty where there are none."""
    named: defaultdict[bytes, list[str]] = defaultdict(list)
    for name, image in images.items():
        named[_digest(image)].append(name)
    groups = sorted(names for names in named.values() if len(names) > 1)
    more = f" and {len(groups) - _MAX_EXAMPLES} more" if len(groups) > _MAX_EXAMPLES else ""
    return ", ".join(" = ".join(names[:3]) for names in groups[:_MAX_EXAMPLES]) + more


def _digests(images: NDArray[np.uint8]) -> list[bytes]:
    return [_digest(image) for image in images]


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
