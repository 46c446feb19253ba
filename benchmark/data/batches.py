"""Training batches from uint8 images that stay on the device: no loader, and no copies to the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.data.streams import stream_generator


@dataclass(frozen=True)
class Batch:
    """The images of one update.

    Attributes:
        images_BCHW: float32 (B, channels, H, W) in [0, 1].
        labels_B: int64 (B,); None without supervision.
    """

    images_BCHW: Tensor
    labels_B: Tensor | None


class Batches:
    """The order in which a seed sees its training images: a pure function of (seed, step).

    Args:
        images: uint8 (N, channels, H, W), on the device where training happens.
        labels: int64 (N,) on the same device; None without supervision.
        batch_size: images per update; the last partial batch of an epoch is dropped.
        seed: the model's seed.
    """

    def __init__(self, images: Tensor, labels: Tensor | None, batch_size: int, seed: int) -> None:
        self.images, self.labels, self.batch_size, self.seed = images, labels, batch_size, seed
        self.steps_per_epoch = len(images) // batch_size
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def at(self, step: int) -> Batch:
        """Return the batch of update `step`."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = stream_generator(self.seed, "order", epoch)
            self._order = torch.randperm(len(self.images), generator=generator).to(self.images.device)
            self._epoch = epoch
        chosen_B = self._order[position * self.batch_size : (position + 1) * self.batch_size]
        images_BCHW = self.images[chosen_B].to(torch.float32).div_(255)
        return Batch(images_BCHW, None if self.labels is None else self.labels[chosen_B])
