"""The augmentation that contrastive and supervised submissions share, so that methods do not differ in it.

It is work for the images' device alone: parameters are drawn there, a set per image, and nothing is read back. A GPU
can therefore replay it as a CUDA graph. A submission may write any other `views`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from benchmark.data.colour_augmentation import ColourAugmentation
from benchmark.data.grey_augmentation import GreyAugmentation


def standard_augmentation(image_shape: tuple[int, int, int], strength: float, *, flip: bool) -> nn.Module:
    """Build the augmentation for images of one shape.

    Half of the grey images (digits, clothes) are rotated, shifted, scaled and sheared; all get Gaussian noise. Colour
    images are cropped, mirrored where that changes no class, colour-jittered and turned grey.

    Args:
        image_shape: (channels, height, width).
        strength: 0 leaves images almost as they are, 1 is the papers' full strength.
        flip: whether half of the colour images are mirrored; a dataset says whether they may be (`Setting.flip`).

    Returns:
        A module from float32 images (B, channels, H, W) in [0, 1] to images of the same shape.

    Raises:
        ValueError: the strength is negative, infinite or no number.

    Source:
        Colour images: SimCLR (Chen et al. 2020, arXiv 2002.05709), appendix A, without blur, which the authors leave
        out for images of CIFAR's size.
    """
    if not 0 <= strength < math.inf:
        raise ValueError(f"augmentation: expected a strength of at least 0, got {strength}")
    return GreyAugmentation(strength) if image_shape[0] == 1 else ColourAugmentation(strength, flip=flip)


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
