"""The standard augmentation of colour images: crops, mirrors, colours, as work that never waits for its device.

Draws and pixels are distributed as those of kornia's `RandomResizedCrop`, `RandomHorizontalFlip` (p = .5),
`ColorJitter` (p = .8) and `RandomGrayscale` (p = .2), which draw, decide and copy on the host. Here a decision is a
mask. `masked_fill` takes a number as it is, where `torch.where` would copy it to the device and wait.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from kornia.color import rgb_to_grayscale
from torch import Tensor, nn

_MOST_RATIO = 4 / 3
"""Crops are between 3:4 and 4:3; logarithms of ratios are uniform."""

_NUM_CANDIDATES = 10
"""Crops that are drawn per image, of which the first that fits is taken."""

_BLOCK_VALUES = 2**18
"""Values that are coloured at once on a CPU: 1 MiB, so that a block stays in the cache of a core."""


@dataclass(frozen=True)
class CropDraws:
    """One crop per image, which is then enlarged to the whole size.

    Attributes:
        left_B: first column, in pixels.
        top_B: first row, in pixels.
        width_B: in pixels.
        height_B: in pixels.
        mirrored_B: True where left and right are exchanged.
    """

    left_B: Tensor
    top_B: Tensor
    width_B: Tensor
    height_B: Tensor
    mirrored_B: Tensor


@dataclass(frozen=True)
class ColourDraws:
    """Factors per image, and one order for the whole batch.

    Attributes:
        brightness_B: factor, 1 where nothing changes.
        contrast_B: likewise.
        saturation_B: likewise.
        hue_B: shift in turns, 0 where nothing changes.
        positions_4: position in the order, 0 to 3, of brightness, contrast, saturation and hue.
        grey_B: True where the image turns grey at the end.
    """

    brightness_B: Tensor
    contrast_B: Tensor
    saturation_B: Tensor
    hue_B: Tensor
    positions_4: Tensor
    grey_B: Tensor


class ColourAugmentation(nn.Module):
    """A random crop, mirror image, change of colours, and loss of colours.

    Args:
        strength: 1 keeps at least 20 % of an image's area, and changes brightness, contrast and saturation by up to
            40 % and hue by up to a tenth of a turn, in four of five images.
        flip: whether half of the images are mirrored.
    """

    def __init__(self, strength: float, *, flip: bool) -> None:
        super().__init__()
        self.strength, self.flip = strength, flip

    def draw_crops(self, images_BCHW: Tensor) -> CropDraws:
        """Draw the crops of a batch on its device: the first candidate of each image that fits, or else all of it."""
        num_images, (height, width) = len(images_BCHW), images_BCHW.shape[-2:]
        areas_NB, ratios_NB = torch.rand(2, _NUM_CANDIDATES, num_images, device=images_BCHW.device)
        x_B, y_B, mirrored_B = torch.rand(3, num_images, device=images_BCHW.device)
        areas_NB = (1 - 0.8 * self.strength * (1 - areas_NB)) * (height * width)
        ratios_NB = torch.exp((2 * ratios_NB - 1) * math.log(_MOST_RATIO))
        whole_height = min(height, round(width * _MOST_RATIO))
        whole_width = min(width, round(height * _MOST_RATIO))
        # The last candidate always fits. A negative area, at strengths that nobody uses, never does.
        widths_NB = F.pad((areas_NB * ratios_NB).sqrt().round(), (0, 0, 0, 1), value=whole_width)
        heights_NB = F.pad((areas_NB / ratios_NB).sqrt().round(), (0, 0, 0, 1), value=whole_height)
        fits_NB = (widths_NB > 0) & (widths_NB <= width) & (heights_NB > 0) & (heights_NB <= height)
        order_NB = torch.arange(_NUM_CANDIDATES + 1, device=images_BCHW.device)[:, None].expand_as(fits_NB)
        first_1B = order_NB.masked_fill(~fits_NB, _NUM_CANDIDATES).amin(0, keepdim=True)
        width_B, height_B = widths_NB.gather(0, first_1B)[0], heights_NB.gather(0, first_1B)[0]
        left_B = torch.minimum((x_B * (width - width_B + 1)).floor(), width - width_B)
        top_B = torch.minimum((y_B * (height - height_B + 1)).floor(), height - height_B)
        return CropDraws(left_B, top_B, width_B, height_B, mirrored_B < 0.5 * self.flip)

    def draw_colours(self, images_BCHW: Tensor) -> ColourDraws:
        """Draw the changes of colours of a batch on its device."""
        device, s = images_BCHW.device, self.strength
        same_B, grey_B, hue_B, *uniform = torch.rand(6, len(images_BCHW), device=device)
        same_B = same_B >= 0.8
        low, high, turns = max(0.0, 1 - 0.4 * s), 1 + 0.4 * s, min(0.1 * s, 0.5)
        factors = ((low + (high - low) * each_B).masked_fill_(same_B, 1) for each_B in uniform)
        brightness_B, contrast_B, saturation_B = factors
        hue_B = (2 * turns * hue_B - turns).masked_fill_(same_B, 0)
        keys_4 = torch.rand(4, dtype=torch.float64, device=device)
        positions_4 = (keys_4[:, None] > keys_4).sum(1)
        return ColourDraws(brightness_B, contrast_B, saturation_B, hue_B, positions_4, grey_B < 0.2)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Augment each image."""
        crops, colours = self.draw_crops(images_BCHW), self.draw_colours(images_BCHW)
        return coloured(cropped(images_BCHW, crops), colours)


def cropped(images_BCHW: Tensor, draws: CropDraws) -> Tensor:
    """Enlarge a crop of each image to the whole size, bilinearly, corners on corners."""
    height, width = images_BCHW.shape[-2:]
    across, down = max(1, width - 1), max(1, height - 1)
    scale_x_B, scale_y_B = (draws.width_B - 1) / across, (draws.height_B - 1) / down
    x_B, y_B = 2 * draws.left_B / across + scale_x_B - 1, 2 * draws.top_B / down + scale_y_B - 1
    scale_x_B = torch.where(draws.mirrored_B, -scale_x_B, scale_x_B)
    steps_W = torch.linspace(-1, 1, width, device=images_BCHW.device)
    steps_H = torch.linspace(-1, 1, height, device=images_BCHW.device)
    columns_BW = torch.addcmul(x_B[:, None], scale_x_B[:, None], steps_W)
    rows_BH = torch.addcmul(y_B[:, None], scale_y_B[:, None], steps_H)
    size_BHW = (len(images_BCHW), height, width)
    grid = (columns_BW[:, None, :].expand(size_BHW), rows_BH[:, :, None].expand(size_BHW))
    # Rounding may put a place outside of the image by a millionth of a pixel; there the border goes on.
    return F.grid_sample(images_BCHW, torch.stack(grid, dim=-1), padding_mode="border", align_corners=True)


def coloured(images_BCHW: Tensor, draws: ColourDraws) -> Tensor:
    """Change the colours of images in [0, 1], in the order that was drawn, and turn some of them grey.

    The order is a tensor, at which no Python may look. Hue is therefore changed once, and the three other changes have
    three places before it and three places after it. A factor of 1 makes a place idle.
    """
    mixes_6B3 = _mixes(draws)
    num_images = len(images_BCHW)
    in_cache = max(1, _BLOCK_VALUES * num_images // max(1, images_BCHW.numel()))
    at_once = in_cache if images_BCHW.device.type == "cpu" else num_images
    parts = zip(
        images_BCHW.split(at_once), mixes_6B3.split(at_once, dim=1), draws.hue_B.split(at_once),
        draws.grey_B.split(at_once), strict=True,
    )  # fmt: skip
    return torch.cat([_coloured_block(*part) for part in parts])


def _mixes(draws: ColourDraws) -> Tensor:
    """Return what each place mixes (6, B, 3): the factor of the image, of its greys, and of their mean.

    Brightness, contrast and saturation all mix an image with another: with black, its mean grey, its greys.
    """
    factors_3B = torch.stack((draws.brightness_B, draws.contrast_B, draws.saturation_B))
    positions_3, hue_position = draws.positions_4[:3], draws.positions_4[3]
    place_6 = torch.arange(6, device=factors_3B.device)
    position_6 = torch.where(place_6 < 3, place_6, place_6 - 2)  # 0, 1, 2 before hue, and 1, 2, 3 after it
    is_used_6 = torch.where(place_6 < 3, position_6 < hue_position, position_6 > hue_position)
    is_here_63 = (position_6[:, None] == positions_3) & is_used_6[:, None]
    factors_63B = factors_3B.expand(6, -1, -1).masked_fill(~is_here_63[:, :, None], 1)
    grey_6B, mean_6B = 1 - factors_63B[:, 2], 1 - factors_63B[:, 1]
    return torch.stack((factors_63B.prod(1), grey_6B, mean_6B), dim=2)


def _coloured_block(images_BCHW: Tensor, mixes_6B3: Tensor, hue_B: Tensor, grey_B: Tensor) -> Tensor:
    for place, mix_B3 in enumerate(mixes_6B3):
        if place == 3:
            images_BCHW = with_hue(images_BCHW, hue_B)
        of_image_B, of_greys_B, of_mean_B = mix_B3[..., None, None, None].unbind(1)
        greys_B1HW = rgb_to_grayscale(images_BCHW)
        other_B1HW = torch.addcmul(greys_B1HW.mean((2, 3), keepdim=True) * of_mean_B, greys_B1HW, of_greys_B)
        images_BCHW = torch.addcmul(other_B1HW, images_BCHW, of_image_B).clamp_(0, 1)
    return torch.where(grey_B[:, None, None, None], rgb_to_grayscale(images_BCHW), images_BCHW)


def with_hue(images_BCHW: Tensor, turns_B: Tensor) -> Tensor:
    """Shift the hue of images in [0, 1] by some turns.

    At hue h in sixths of a turn, a channel lies between the smallest and the largest of the three: red by the share
    |h - 3| - 1 of the way, green by 2 - |h - 2|, blue by 2 - |h - 4|, each clamped to [0, 1]. kornia's `adjust_hue`
    computes the same in three times as many operations.
    """
    red, green, blue = images_BCHW.unbind(1)
    largest, smallest = images_BCHW.amax(1), images_BCHW.amin(1)
    spread = largest - smallest
    hue = torch.where(green >= blue, (blue - red) + 2 * spread, (red - green) + 4 * spread)
    hue = torch.where((red >= green) & (red >= blue), green - blue, hue)
    hue.div_(spread.masked_fill(spread == 0, 1)).add_(6 * turns_B[:, None, None])
    hue = hue - 6 * (hue / 6).floor()
    shares = ((hue - 3).abs_().sub_(1), 2 - (hue - 2).abs_(), 2 - (hue - 4).abs_())
    return torch.addcmul(smallest[:, None], torch.stack(shares, dim=1).clamp_(0, 1), spread[:, None])
