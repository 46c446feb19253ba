"""How images are corrupted: one function per corruption of the specification, uint8 in, uint8 out.

It owns the transformations and their draws. It refuses to know models, metrics and files.

Shapes: N images, B images of one chunk, C channels, H x W pixels, G pixels of one side of a kernel, T points of a line.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from kornia.enhance import adjust_brightness, adjust_contrast_with_mean_subtraction, jpeg_codec_differentiable
from kornia.filters import filter2d, filter2d_separable, gaussian_blur2d
from numpy.typing import NDArray
from torch import Tensor

from benchmark.scoring.compute import Device
from benchmark.spec.corruptions import NUM_SEVERITIES, Corruption

CHUNK_IMAGES = 1024
"""Images corrupted at once; bounds the memory of intermediate results, and changes no result."""

REFERENCE_SIDE = 32
"""Side, in pixels, of the image that lengths in the specification refer to."""

LINE_POINTS = 65
"""Points by which the line of a motion blur is drawn."""

Corrupt = Callable[[Tensor, float, np.random.Generator], Tensor]
"""(images (B, C, H, W) float32 in [0, 1], strength, draws) to images of the same shape, any real values, on the device
of the images."""


@torch.inference_mode()
def corrupt(
    images_NCHW: NDArray[np.uint8], corruption: Corruption, severity: int, device: Device = "cpu"
) -> NDArray[np.uint8]:
    """Corrupt images.

    Draws depend on the corruption's name, the severity and the sha256 of all images together, and on nothing else: the
    same call gives the same pixels, whatever ran before it. Draws do not depend on the device either; sums are rounded
    otherwise there, which moves few values, nearly all of them by one.

    Args:
        images_NCHW: uint8 (N, C, H, W), 1 or 3 channels.
        corruption: which corruption, with its five strengths.
        severity: 1 (mild) to 5.
        device: where the arithmetic is done.

    Returns:
        uint8 (N, C, H, W): the corrupted light, cut to [0, 1], times 255, rounded half to even.

    Raises:
        ValueError: if the images are not uint8 (N, 1 or 3, H, W) or there is no such severity.

    Source:
        Hendrycks & Dietterich 2019 (arXiv 1903.12261), parameters by name. Deviations: strengths are the
        specification's; lengths scale with the square root of the image's side; JPEG is kornia's differentiable codec,
        which leaves the cube of the rounding error of each coefficient; motion blur averages along a straight line of
        real-valued length in any direction.

    Example:
        >>> from benchmark.spec.corruptions import Brightness
        >>> light = Brightness(name="brightness", severities=(0.1, 0.2, 0.3, 0.4, 0.5))
        >>> corrupt(np.array([[[[0, 51, 250]]]], np.uint8), light, 2).tolist()
        [[[[51, 102, 255]]]]
    """
    if images_NCHW.ndim != 4 or images_NCHW.dtype != np.uint8 or images_NCHW.shape[1] not in (1, 3):
        raise ValueError(f"corrupt: expected uint8 (N, 1 or 3, H, W), got {images_NCHW.dtype} {images_NCHW.shape}")
    if not 1 <= severity <= NUM_SEVERITIES:
        raise ValueError(f"corrupt: expected a severity from 1 to {NUM_SEVERITIES}, got {severity}")
    strength, kind = corruption.severities[severity - 1], KINDS[corruption.name]
    draws = _named_draws(corruption.name, severity, images_NCHW)
    corrupted = np.empty_like(images_NCHW)
    for start in range(0, len(images_NCHW), CHUNK_IMAGES):
        chunk = slice(start, start + CHUNK_IMAGES)
        # Divided here, because a GPU divides otherwise, and draws of photons follow the light.
        light = torch.from_numpy(images_NCHW[chunk]).to(torch.float32).div_(255).to(device)
        changed = kind(light, strength, draws).clamp(0, 1).mul(255).round()
        corrupted[chunk] = changed.to(torch.uint8).cpu().numpy()
    return corrupted


def digest_images(images_NCHW: NDArray[np.uint8]) -> str:
    """Name images by their pixels and shape: a sha256 in hexadecimal."""
    digest = hashlib.sha256(repr(images_NCHW.shape).encode())
    digest.update(np.ascontiguousarray(images_NCHW).data)
    return digest.hexdigest()


def _named_draws(name: str, severity: int, images_NCHW: NDArray[np.uint8]) -> np.random.Generator:
    stream = hashlib.sha256(f"{name}/{severity}/{digest_images(images_NCHW)}".encode()).digest()
    return np.random.default_rng(int.from_bytes(stream, "big"))


def _gaussian_noise(light: Tensor, deviation: float, draws: np.random.Generator) -> Tensor:
    return light + deviation * _beside(light, draws.standard_normal(light.shape, np.float32))


def _shot_noise(light: Tensor, photons: float, draws: np.random.Generator) -> Tensor:
    return _beside(light, draws.poisson(light.cpu().numpy().astype(np.float64) * photons) / photons)


def _impulse_noise(light: Tensor, share: float, draws: np.random.Generator) -> Tensor:
    fate = _beside(light, draws.random(light.shape))
    return light.masked_fill(fate < share / 2, 0.0).masked_fill(fate >= 1 - share / 2, 1.0)


def _gaussian_blur(light: Tensor, deviation: float, draws: np.random.Generator) -> Tensor:
    scaled = _scaled(deviation, light)
    size = 2 * _radius(math.ceil(4 * scaled), light) + 1
    return gaussian_blur2d(light, (size, size), (scaled, scaled), border_type="reflect")


def _motion_blur(light: Tensor, length: float, draws: np.random.Generator) -> Tensor:
    angle_B = _beside(light, draws.random(len(light)) * math.pi).to(light.dtype)
    scaled = _scaled(length, light)
    radius = _radius(math.floor(scaled / 2) + 1, light)
    position_T = scaled * ((torch.arange(LINE_POINTS, device=light.device) + 0.5) / LINE_POINTS - 0.5)
    pixel_G = torch.arange(-radius, radius + 1, device=light.device)
    # Every point of the line gives its weight to the four pixels around it, the nearer the more.
    across_BTG = (1 - (position_T[:, None] * angle_B.cos()[:, None, None] - pixel_G).abs()).clamp(min=0)
    down_BTG = (1 - (position_T[:, None] * angle_B.sin()[:, None, None] - pixel_G).abs()).clamp(min=0)
    return filter2d(light, torch.einsum("btg,bth->bgh", down_BTG, across_BTG), "reflect", normalized=True)


def _box_blur(light: Tensor, width: float, draws: np.random.Generator) -> Tensor:
    half = max(_scaled(width, light), 1.0) / 2
    radius = _radius(math.ceil(half - 0.5), light)
    pixel_G = torch.arange(-radius, radius + 1, dtype=light.dtype, device=light.device)
    covered_1G = ((pixel_G + 0.5).clamp(max=half) - (pixel_G - 0.5).clamp(min=-half)).clamp(min=0)[None]
    return filter2d_separable(light, covered_1G, covered_1G, "reflect", normalized=True)


def _brightness(light: Tensor, added: float, draws: np.random.Generator) -> Tensor:
    return adjust_brightness(light, added)


def _contrast(light: Tensor, left: float, draws: np.random.Generator) -> Tensor:
    return adjust_contrast_with_mean_subtraction(light, float(left))


def _jpeg(light: Tensor, quality: float, draws: np.random.Generator) -> Tensor:
    coded = jpeg_codec_differentiable(light.expand(-1, 3, -1, -1), torch.tensor([float(quality)], device=light.device))
    return coded if light.shape[1] == 3 else coded.mean(dim=1, keepdim=True)


def _pixelate(light: Tensor, share: float, draws: np.random.Generator) -> Tensor:
    down, across = (
        _overlaps(side, max(math.floor(share * side + 0.5), 1)).to(light.device) for side in light.shape[2:]
    )
    larger = torch.einsum("ih,bchw,jw->bcij", down / down.sum(dim=1, keepdim=True), light, across)
    larger = larger / across.sum(dim=1)
    return torch.einsum("ih,bcij,jw->bchw", down, larger, across)


def _overlaps(side: int, fewer: int) -> Tensor:
    """Return the share of each of `side` pixels that each of `fewer` larger ones covers, (fewer, side)."""
    edge = torch.arange(fewer)[:, None] * (side / fewer)
    pixel = torch.arange(side)
    return (torch.minimum(edge + side / fewer, pixel + 1) - torch.maximum(edge, pixel)).clamp(min=0)


def _beside(light: Tensor, drawn: NDArray[Any]) -> Tensor:
    """Bring what was drawn to where the images are."""
    return torch.from_numpy(drawn).to(light.device)


def _scaled(length: float, light: Tensor) -> float:
    """Translate a length on a 32-pixel image to the images at hand."""
    return length * math.sqrt(min(light.shape[2:]) / REFERENCE_SIDE)


def _radius(wanted: int, light: Tensor) -> int:
    """Cut a kernel's radius to what reflection at the border allows."""
    return min(wanted, min(light.shape[2:]) - 1)


KINDS: Mapping[str, Corrupt] = {
    "gaussian_noise": _gaussian_noise,
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
    "gaussian_blur": _gaussian_blur,
    "motion_blur": _motion_blur,
    "box_blur": _box_blur,
    "brightness": _brightness,
    "contrast": _contrast,
    "jpeg": _jpeg,
    "pixelate": _pixelate,
}
"""Every corruption by the `name` of its specification."""
