"""Random batches: the same images at every call, labels in range, and none without classes."""

from __future__ import annotations

import torch

from benchmark.training.trials.random_batches import random_batches
from tests.training.tiny import CPU


def test_the_same_arguments_give_the_same_images_and_labels() -> None:
    first, second = (random_batches(3, 4, (1, 5, 6), 7, 0, CPU) for _ in range(2))
    assert first.steps_per_epoch == 3
    assert first.images.shape == (12, 1, 5, 6)
    assert torch.equal(first.images, second.images)
    assert first.labels is not None
    assert second.labels is not None
    assert torch.equal(first.labels, second.labels)
    assert 0 <= int(first.labels.min()) <= int(first.labels.max()) < 7


def test_without_classes_there_are_no_labels() -> None:
    batches = random_batches(2, 4, (3, 5, 5), None, 0, CPU)
    assert batches.at(1).labels_B is None
