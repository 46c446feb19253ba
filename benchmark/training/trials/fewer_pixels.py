"""Fewer pixels for the encoders of a rehearsal, so that a task's own batch takes seconds on a processor.

An encoder ends with a global average, so that images of any size pass. Everything else of an update keeps its size: the
images that `views` is given and what it returns, the batch that the loss sees, features, heads, queues and weights.

No torch is imported here: `fmn check` says how a submission was tried, and needs it for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.encoder import Encoder

SHORTER_SIDE = 8
"""Pixels that are left of an image's shorter side, or some more where it is no multiple of it."""


def pixel_step(height: int, width: int) -> int:
    """Return k where an encoder is given every k-th pixel of every k-th row.

    >>> [pixel_step(*size) for size in ((8, 8), (15, 40), (28, 28), (32, 32), (64, 96))]
    [1, 1, 3, 4, 8]
    """
    return max(1, min(height, width) // SHORTER_SIDE)


def give_fewer_pixels(encoders: Iterable[Encoder]) -> None:
    """Let encoders see fewer pixels of every image, in every call from now on."""
    for encoder in encoders:
        encoder.register_forward_pre_hook(_every_kth)


def _every_kth(_: object, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    (images_BCHW,) = inputs
    step = pixel_step(*images_BCHW.shape[2:])
    return (images_BCHW[..., ::step, ::step],)
