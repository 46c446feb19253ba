"""The augmentation that contrastive and supervised submissions share, so that methods do not differ in it.

It is one kornia pipeline, applied to a whole batch on the device. Each image draws parameters of its own. A submission
may write any other `views`.
"""

from __future__ import annotations

import kornia.augmentation as K
import torch
from torch import Tensor, nn


def standard_augmentation(image_shape: tuple[int, int, int], strength: float, *, flip: bool) -> nn.Sequential:
    """Build the pipeline for images of one shape.

    Grey images (digits, clothes) are rotated, shifted, scaled, sheared, and get Gaussian noise. Colour images are
    cropped, mirrored where that changes no class, colour-jittered and turned grey.

    Args:
        image_shape: (channels, height, width).
        strength: 0 leaves images almost as they are, 1 is the papers' full strength.
        flip: whether half of the colour images are mirrored; a dataset says whether they may be (`Setting.flip`).

    Returns:
        A module from float32 images (B, channels, H, W) in [0, 1] to images of the same shape.

    Source:
        Colour images: SimCLR (Chen et al. 2020, arXiv 2002.05709), appendix A, without blur, which the authors leave
        out for images of CIFAR's size.
    """
    channels, height, width = image_shape
    s = strength
    if channels == 1:
        return nn.Sequential(
            K.RandomAffine(20 * s, translate=(0.15 * s, 0.15 * s), scale=(1 - 0.2 * s, 1 + 0.2 * s), shear=12 * s),
            K.RandomGaussianNoise(std=0.1 * s, p=1.0),
        )
    mirroring = [K.RandomHorizontalFlip(p=0.5)] if flip else []
    return nn.Sequential(
        K.RandomResizedCrop((height, width), scale=(1 - 0.8 * s, 1.0), cropping_mode="resample"),
        *mirroring,
        K.ColorJitter(0.4 * s, 0.4 * s, 0.4 * s, 0.1 * s, p=0.8),
        K.RandomGrayscale(p=0.2),
    )


def augmented_views(augmentation: nn.Module, images_BCHW: Tensor, num_views: int) -> Tensor:
    """Augment every image `num_views` times in one call.

    Args:
        augmentation: draws parameters of its own for each image.
        images_BCHW: float32 in [0, 1].
        num_views: V.

    Returns:
        Views (V, B, channels, H, W), clamped to [0, 1].
    """
    repeated = images_BCHW.repeat(num_views, 1, 1, 1)
    return torch.clamp(augmentation(repeated), 0, 1).unflatten(0, (num_views, len(images_BCHW)))
