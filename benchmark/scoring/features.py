"""From an encoder to what instruments see: features of every probe point in one forward pass, in bounded chunks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.encoder import Encoder
from benchmark.scoring.instrument import Features

CHUNK_PIXELS = 2**16
"""Pixels per forward pass: 1024 images of 8 x 8, 64 of 32 x 32. Maps that stay in a processor's cache are read 1.4
times (16 px) to 1.6 times (32 px) as fast as those of 1024 images, with the same bits."""


@torch.inference_mode()
def extract_features(encoder: Encoder, images: NDArray[np.uint8]) -> dict[str, Features]:
    """Encode images at every probe point.

    Args:
        encoder: put into evaluation mode here.
        images: uint8 (N, channels, H, W).

    Returns:
        float32 features per probe point, (N, D_p), from `input` to `features`.
    """
    chunks: dict[str, list[Features]] = {}
    for chunk in _chunks(encoder, images):
        for name, features in encoder.probe_points(chunk).items():
            chunks.setdefault(name, []).append(features.cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in chunks.items()}


@torch.inference_mode()
def extract_final_features(encoder: Encoder, images: NDArray[np.uint8]) -> Features:
    """Encode images at the last probe point alone, float32 (N, D): what large sets leave room for."""
    return np.concatenate([encoder(chunk).cpu().numpy() for chunk in _chunks(encoder, images)])


def _chunks(encoder: Encoder, images: NDArray[np.uint8]) -> Iterator[Tensor]:
    encoder.eval()
    device = next(encoder.parameters()).device
    height, width = images.shape[2:]
    chunk = max(1, CHUNK_PIXELS // (height * width))
    for start in range(0, len(images), chunk):
        yield torch.from_numpy(images[start : start + chunk]).to(device, torch.float32).div_(255)
