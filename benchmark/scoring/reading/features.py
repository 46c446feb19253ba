"""From an encoder to what metrics read: features of every probe point in one forward pass, in bounded chunks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.encoder import Encoder
from benchmark.scoring.compute import ON_CPU, Compute
from benchmark.scoring.metric import INPUT, Features

BYTES_PER_PIXEL = 256
"""What a pixel takes on its way through an encoder: 64 channels of float32. The usual chunk of a CPU is then 1024
images of 8 x 8, or 64 of 32 x 32. Maps that stay in a processor's cache are read 1.4 times (16 px) to 1.6 times (32 px)
as fast as those of 1024 images, with the same bits."""


def extract_features(
    encoder: Encoder, images: NDArray[np.uint8], compute: Compute = ON_CPU, pixels_ND: Features | None = None
) -> dict[str, Features]:
    """Encode images at every probe point.

    Args:
        encoder: put into evaluation mode, and onto the device, here.
        images: uint8 (N, channels, H, W).
        compute: where, and in chunks of which size.
        pixels_ND: `pixels_of(images)`, where the caller keeps them: they are the same for every encoder.

    Returns:
        float32 features per probe point, (N, D_p), from `input` to `features`.
    """
    _settle(encoder, compute)
    chunks: dict[str, list[Features]] = {}
    with torch.inference_mode():
        for chunk in _chunks(images, compute):
            for name, features in encoder.probe_points(chunk).items():
                if name != INPUT:
                    chunks.setdefault(name, []).append(features.cpu().numpy())
    pixels_ND = pixels_of(images) if pixels_ND is None else pixels_ND
    return {INPUT: pixels_ND} | {name: np.concatenate(parts) for name, parts in chunks.items()}


def extract_final_features(encoder: Encoder, images: NDArray[np.uint8], compute: Compute = ON_CPU) -> Features:
    """Encode images at the last probe point alone, float32 (N, D): what large sets leave room for."""
    _settle(encoder, compute)
    with torch.inference_mode():
        return np.concatenate([encoder(chunk).cpu().numpy() for chunk in _chunks(images, compute)])


def pixels_of(images: NDArray[np.uint8]) -> Features:
    """Return the first probe point, which no weight touches: float32 (N, channels H W), values in [0, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def _settle(encoder: Encoder, compute: Compute) -> None:
    """Put an encoder into evaluation mode and where it is read; on a GPU, float32 maps are read faster row by row."""
    encoder.eval().to(compute.device)
    if compute.device != "cpu":
        encoder.memory_format = torch.contiguous_format


def _chunks(images: NDArray[np.uint8], compute: Compute) -> Iterator[Tensor]:
    height, width = images.shape[2:]
    chunk = max(1, compute.chunk_bytes // (BYTES_PER_PIXEL * height * width))
    for start in range(0, len(images), chunk):
        # Bytes travel; they become floats where they are needed.
        yield torch.from_numpy(images[start : start + chunk]).to(compute.device).to(torch.float32).div_(255)
