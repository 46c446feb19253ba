"""The standard augmentation of grey images: affine maps and noise, as work that never waits for its device.

Draws and pixels are distributed as those of kornia's `RandomAffine` (p = .5) and `RandomGaussianNoise` (p = 1), which
draw, decide and copy on the host.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class AffineDraws:
    """One affine map per image: sheared, scaled, rotated about its centre, then shifted.

    Attributes:
        applied_B: True for the half of the images that are mapped at all.
        shift_x_B: in widths of the image.
        shift_y_B: in heights of the image.
        scale_B: factor on lengths.
        angle_B: clockwise rotation, in radians.
        shear_B: shear along x, in radians.
    """

    applied_B: Tensor
    shift_x_B: Tensor
    shift_y_B: Tensor
    scale_B: Tensor
    angle_B: Tensor
    shear_B: Tensor


class GreyAugmentation(nn.Module):
    """A random affine map of half of the images, and Gaussian noise on all.

    Args:
        strength: 1 rotates by up to 20 degrees, shifts by up to 15 % of the size, scales by up to 20 %, shears by up to
            12 degrees, and adds noise of standard deviation .1.
    """

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = strength

    def draw(self, images_BCHW: Tensor) -> AffineDraws:
        """Draw the maps of a batch on its device."""
        s = self.strength
        applied_B, *uniform = torch.rand(6, len(images_BCHW), device=images_BCHW.device)
        widths = (0.15 * s, 0.15 * s, 0.2 * s, math.radians(20 * s), math.radians(12 * s))
        x_B, y_B, scale_B, angle_B, shear_B = (2 * w * each - w for w, each in zip(widths, uniform, strict=True))
        return AffineDraws(applied_B < 0.5, x_B, y_B, 1 + scale_B, angle_B, shear_B)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Augment each image; noise may leave [0, 1]."""
        mapped_BCHW = mapped(images_BCHW, self.draw(images_BCHW))
        return mapped_BCHW.add_(torch.randn_like(mapped_BCHW), alpha=0.1 * self.strength)


def mapped(images_BCHW: Tensor, draws: AffineDraws) -> Tensor:
    """Map the images of which `draws` says so, bilinearly; what comes from outside of an image is 0.

    A pixel's value is looked up at the inverse of the map. Coordinates count from the centre, in halves of the size.
    """
    height, width = images_BCHW.shape[-2:]
    cos_B, sin_B = draws.angle_B.cos() / draws.scale_B, draws.angle_B.sin() / draws.scale_B
    slope_B = draws.shear_B.tan()
    xx_B, xy_B = cos_B - slope_B * sin_B, (sin_B + slope_B * cos_B) * (height / width)
    yx_B, yy_B = -sin_B * (width / height), cos_B
    x_B, y_B = -2 * draws.shift_x_B, -2 * draws.shift_y_B
    inverse = (xx_B, xy_B, xx_B * x_B + xy_B * y_B, yx_B, yy_B, yx_B * x_B + yy_B * y_B)
    inverse_B23 = torch.stack(inverse, dim=1).unflatten(1, (2, 3))
    grid_BHW2 = F.affine_grid(inverse_B23, list(images_BCHW.shape), align_corners=False)
    mapped_BCHW = F.grid_sample(images_BCHW, grid_BHW2, align_corners=False)
    return torch.where(draws.applied_B[:, None, None, None], mapped_BCHW, images_BCHW)
