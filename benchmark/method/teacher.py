"""A momentum teacher: an encoder and a head whose weights are a moving average of the student's."""

from __future__ import annotations

import math
from copy import deepcopy

import torch
from torch import Tensor, nn


class MomentumTeacher(nn.Module):
    """Starts as a copy of the student, and follows it: kept = m kept + (1 - m) student, after every update.

    Parameters are averaged. Batch norm's running statistics are the teacher's own, from the views that it has seen.

    Args:
        encoder: what `setting.new_encoder()` returned.
        head: the student's head; it is copied.
        momentum: m, in [0, 1).
        rises_over: number of updates over which m rises to 1 along half a cosine; None keeps it constant.

    Source:
        He et al. 2020 (arXiv 1911.05722), equation 2; the rising m: Grill et al. 2020 (arXiv 2006.07733), section 3.2.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, momentum: float, rises_over: int | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = deepcopy(head).requires_grad_(requires_grad=False)
        self._share, self._rises_over = 1 - momentum, rises_over
        self.num_updates: Tensor
        self.register_buffer("num_updates", torch.zeros(()))

    @torch.no_grad()
    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the head's outputs (B, D), without gradients. It may be called in any hook."""
        return self.head(self.encoder(images_BCHW))

    @torch.no_grad()
    def follow(self, encoder: nn.Module, head: nn.Module) -> None:
        """Take one step towards the student. Call it in `after_step`."""
        share = self._current_share()
        for own, students in ((self.encoder, encoder), (self.head, head)):
            for kept, new in zip(own.parameters(), students.parameters(), strict=True):
                kept.lerp_(new, share)

    def _current_share(self) -> float | Tensor:
        """Return 1 - m of this update; where m rises, on the device, so that nothing waits for it."""
        if self._rises_over is None:
            return self._share
        share = self._share * (torch.cos(math.pi * self.num_updates / self._rises_over) + 1) / 2
        self.num_updates.add_(1).clamp_(max=self._rises_over)
        return share
