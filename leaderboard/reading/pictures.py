"""The test images themselves, from the file that the scorer read them from: `data/<digest>` below a store of records.

A file is believed when its pixels and labels have the digest that the record names, no matter who wrote it. Files
larger than `MAX_BYTES` are not read, and nothing is ever unpickled.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load

from benchmark.datasets.image_set import ImageSet
from benchmark.files.bounded import read_regular

logger = logging.getLogger(__name__)

MAX_BYTES = 256 * 2**20
_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_pictures(folders: Sequence[Path], digest: str) -> ImageSet | None:
    """Read a test set from the first store that has it whole; None where none has.

    Args:
        folders: stores of records.
        digest: of the test set, as a record names it (untrusted text).
    """
    if not _DIGEST.fullmatch(digest):
        return None
    for folder in folders:
        found = _read(folder / "data" / digest / "labelled.safetensors")
        if found is not None and found.digest == digest:
            return found
    return None


def _read(path: Path) -> ImageSet | None:
    try:
        tensors = load(read_regular(path, MAX_BYTES))
        images, labels = tensors["images"], tensors["labels"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        logger.warning("%s holds no images that can be read; other stores are tried: %s", path, error)
        return None
    fits = images.ndim == 4 and images.shape[1] in (1, 3) and 0 not in images.shape and labels.shape == images.shape[:1]
    return ImageSet(images, labels) if fits and (images.dtype, labels.dtype) == (np.uint8, np.int64) else None


def enlarge(image_CHW: NDArray[np.uint8], width: int) -> Image.Image:
    """Enlarge an image to at least `width` pixels across by repeating pixels, so that none is invented.

    Args:
        image_CHW: uint8 (1 or 3, height, width), in grey or RGB.
        width: in pixels; the image gets the next whole multiple of its own width.
    """
    times = max(1, -(-width // image_CHW.shape[2]))
    large_HWC = image_CHW.repeat(times, axis=1).repeat(times, axis=2).transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(large_HWC[:, :, 0] if large_HWC.shape[2] == 1 else large_HWC))
