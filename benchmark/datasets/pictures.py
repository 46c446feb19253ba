"""Pictures as other people store them, decoded to squares of pixels: any size, any mode, turned the right way up."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

logger = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is decoded; Pillow knows more formats, few of which are used for photographs."""

MAX_PIXELS = 2**27 + 2**26
"""Of one picture, about 200 million: more is a trap for the memory, or no picture to train on."""

_ANIMATED = ("GIF", "PNG", "WEBP", "TIFF")
"""Formats whose further frames are pictures of their own; those of a JPEG are previews and depth maps of cameras."""

Image.MAX_IMAGE_PIXELS = None  # Pillow's limit would warn of photographs of 108 million pixels; ours is below

DECODER_VERSION = 1
"""Raised whenever the same file would give other pixels."""


class UnreadablePicture(ValueError):  # noqa: N818 - says what it is about
    """A file that is no whole picture, or not one we read; the message says why."""


class SmallPicture(UnreadablePicture):
    """A picture with fewer pixels than are asked for; the message says how many."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture, and what its file holds beside these pixels.

    Attributes:
        pixels: uint8 (channels, size, size).
        deepest: of a file with 16 bits per value the upper eight of the largest one, in [0, 255]; else None.
        has_frames: whether more frames or pages follow the first, which is used.
    """

    pixels: NDArray[np.uint8]
    deepest: int | None = None
    has_frames: bool = False


def decode_picture(content: bytes, size: int, channels: Literal[1, 3]) -> NDArray[np.uint8]:
    """Decode one picture to its pixels alone; see `read_picture`."""
    return read_picture(content, size, channels).pixels


def read_picture(content: bytes, size: int, channels: Literal[1, 3]) -> Picture:
    """Decode one picture: the first frame, turned as its EXIF data say, transparency over white, cropped, resized.

    Colour profiles are ignored: the numbers in the file are taken for sRGB.

    Args:
        content: a whole file in one of `FORMATS`.
        size: side of the square that is cut out around the centre and resized (bicubic, anti-aliased).
        channels: 3 for RGB, 1 for grey.

    Raises:
        SmallPicture: it would have to be enlarged.
        UnreadablePicture: with the reason.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise UnreadablePicture(f"a decompression bomb of {picture.width} x {picture.height} pixels")
            is_deep, has_frames = _is_deep(picture), _has_frames(picture)
            picture.load()
            deepest = _deepest(picture) if is_deep else None
            upright = ImageOps.exif_transpose(picture)
            if min(upright.size) < size:
                raise SmallPicture(f"{upright.width} x {upright.height}")
            pixels = as_array(square(_opaque(upright).convert("L" if channels == 1 else "RGB"), size))
            return Picture(pixels, deepest, has_frames)
    except (UnreadablePicture, MemoryError):
        raise
    except Exception as error:  # decoders of damaged files raise nearly anything
        reason = "not a picture of a known format" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise UnreadablePicture(reason.splitlines()[0][:200] if reason else type(error).__name__) from error


def _is_deep(picture: Any) -> bool:
    """Whether a file stores its values in 16 bits; Pillow keeps the upper eight of colours, and says so only here."""
    return picture.mode.startswith("I;16") or any(";16" in str(tile[3]) for tile in picture.tile)


def _deepest(picture: Image.Image) -> int:
    values = np.asarray(picture)
    if picture.mode.startswith("I;16"):
        return int(values.max()) >> 8
    return int(values[..., :-1].max() if picture.mode in ("RGBA", "LA") else values.max())


def _has_frames(picture: Any) -> bool:
    try:
        return picture.format in _ANIMATED and bool(getattr(picture, "is_animated", False))
    except Exception as error:  # a second frame that is damaged does not matter
        logger.debug("frames after the first cannot be counted: %s", error)
        return False


def resize_all(images_NHWC: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize square images as `decode_picture` does: uint8 (N, H, H, channels) to (N, channels, size, size)."""
    if images_NHWC.shape[1] == size:
        return np.ascontiguousarray(images_NHWC.transpose(0, 3, 1, 2))
    channels = images_NHWC.shape[3]
    pictures = (Image.fromarray(image[:, :, 0] if channels == 1 else image) for image in images_NHWC)
    return np.stack([as_array(square(picture, size)) for picture in pictures])


def square(picture: Image.Image, size: int) -> Image.Image:
    """Cut the largest square out of the centre and resize it."""
    if picture.size == (size, size):
        return picture
    return ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)


def as_array(picture: Image.Image) -> NDArray[np.uint8]:
    """Give the pixels of a grey or RGB picture: uint8 (channels, height, width)."""
    pixels = np.asarray(picture)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def _opaque(picture: Image.Image) -> Image.Image:
    """Bring a picture to 8 bits without transparency."""
    if picture.mode.startswith("I;16"):
        values, clear = np.asarray(picture), picture.info.get("transparency")
        grey = (values >> 8).astype(np.uint8)
        return Image.fromarray(np.where(values == clear, 255, grey).astype(np.uint8) if clear is not None else grey)
    if picture.mode in ("I", "F"):
        raise UnreadablePicture(f"pixels of mode {picture.mode}, which have no range: store it with 8 or 16 bits")
    if picture.has_transparency_data:
        coloured = picture.convert("RGBA")
        white = Image.new("RGBA", coloured.size, "white")
        return Image.alpha_composite(white, coloured)
    return picture
