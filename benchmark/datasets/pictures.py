"""Pictures as other people store them, decoded to squares of pixels: any size, any mode, turned the right way up."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is decoded; Pillow knows more formats, few of which are used for photographs."""

DECODER_VERSION = 1
"""Raised whenever the same file would give other pixels."""


class UnreadablePicture(ValueError):  # noqa: N818 - says what it is about
    """A file that is no whole picture, or not one we read; the message says why."""


class SmallPicture(UnreadablePicture):
    """A picture with fewer pixels than are asked for; the message says how many."""


def decode_picture(content: bytes, size: int, channels: Literal[1, 3]) -> NDArray[np.uint8]:
    """Decode one picture: the first frame, turned as its EXIF data say, transparency over white, cropped, resized.

    Args:
        content: a whole file in one of `FORMATS`.
        size: side of the square that is cut out around the centre and resized (bicubic, anti-aliased).
        channels: 3 for RGB, 1 for grey.

    Returns:
        uint8 (channels, size, size).

    Raises:
        SmallPicture: it would have to be enlarged.
        UnreadablePicture: with the reason.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            if min(upright.size) < size:
                raise SmallPicture(f"{upright.width} x {upright.height}")
            return as_array(square(_opaque(upright).convert("L" if channels == 1 else "RGB"), size))
    except UnreadablePicture:
        raise
    except Exception as error:  # decoders of damaged files raise nearly anything
        reason = "not a picture of a known format" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise UnreadablePicture(reason.splitlines()[0][:200] if reason else type(error).__name__) from error


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
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise UnreadablePicture(f"pixels of mode {picture.mode}, which have no range: store it with 8 or 16 bits")
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        coloured = picture.convert("RGBA")
        white = Image.new("RGBA", coloured.size, "white")
        return Image.alpha_composite(white, coloured)
    return picture
