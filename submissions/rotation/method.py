"""Rotation prediction (Gidaris et al. 2018, arXiv 1803.07728): say by how many quarter turns an image was rotated."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting


class RotationPrediction(AugmentedMethod):
    """Four views of every image, one per quarter turn, and a linear classifier of four classes."""

    num_views = 1

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        _, height, width = setting.image_shape
        if height != width:
            raise ValueError(f"rotation: expected square images, got {height} x {width}")
        self.head = nn.Linear(setting.feature_dim, 4)

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Augment every image once (the paper crops and mirrors), and rotate it by 0, 90, 180 and 270 degrees."""
        (view_BCHW,) = super().views(images_BCHW)
        return torch.stack([view_BCHW.rot90(turns, (2, 3)) for turns in range(4)])

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Equation 3: cross-entropy averaged over images and the four rotations, all in one batch."""
        logits = self.head(encoder(views_VBCHW.flatten(0, 1)))
        turns = torch.arange(4, device=logits.device).repeat_interleave(views_VBCHW.shape[1])
        return F.cross_entropy(logits, turns)
