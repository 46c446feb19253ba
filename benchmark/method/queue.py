"""A queue of features of earlier batches, for negatives (MoCo) or neighbours (NNCLR)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FeatureQueue(nn.Module):
    """The latest K unit vectors; at first random ones. Offer a batch in `loss`, and let it in in `after_step`.

    Two steps, because the backward pass still reads what `loss` has read.

    Args:
        length: K.
        dim: D.
        batch_size: B, vectors per update; at most K.

    Attributes:
        features_KD: the vectors, in no particular order.

    Raises:
        ValueError: a batch does not fit into the queue.
    """

    def __init__(self, length: int, dim: int, batch_size: int) -> None:
        super().__init__()
        if length < batch_size:
            raise ValueError(f"queue: expected at least the batch size, {batch_size}, got {length}")
        self.features_KD: Tensor
        self.position: Tensor
        self.offered_BD: Tensor
        self.register_buffer("features_KD", F.normalize(torch.randn(length, dim), dim=1))
        self.register_buffer("position", torch.zeros((), dtype=torch.int64))
        self.register_buffer("offered_BD", torch.zeros(batch_size, dim), persistent=False)

    def offer(self, features_BD: Tensor) -> None:
        """Keep a batch of unit vectors, without their gradients, until `advance`."""
        self.offered_BD.copy_(features_BD.detach())

    @torch.no_grad()
    def advance(self) -> None:
        """Put the batch that was offered last in the place of the oldest vectors."""
        rows = torch.arange(len(self.offered_BD), device=self.position.device)
        self.features_KD.index_copy_(0, (self.position + rows) % len(self.features_KD), self.offered_BD)
        self.position.add_(len(self.offered_BD)).remainder_(len(self.features_KD))
