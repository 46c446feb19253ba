"""Random images in the shape of a task's: trials need no data set."""

from __future__ import annotations

import torch

from benchmark.data.batches import Batches


def random_batches(
    num_batches: int, batch_size: int, image_shape: tuple[int, int, int], num_classes: int | None, seed: int,
    device: torch.device,
) -> Batches:  # fmt: skip
    """Draw images, the same at every call with the same arguments, and put them on the device.

    Args:
        num_batches: updates of one epoch.
        batch_size: images per update.
        image_shape: (channels, height, width).
        num_classes: C, for random labels in [0, C); None for a method without labels.
        seed: decides the order of the images, not their content.
        device: where the images are kept.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (num_batches * batch_size, *image_shape), dtype=torch.uint8, generator=generator)
    labels = None
    if num_classes is not None:
        labels = torch.randint(0, num_classes, (len(images),), generator=generator).to(device)
    return Batches(images.to(device), labels, batch_size, seed)
