"""Named random streams: randomness at update t is a function of (seed, stream name, t) and of nothing else.

There is one stream per purpose. With a single generator for all purposes, models that share a batch would change each
other's draws. The global generators of torch, numpy and `random` are set together, because kornia and submissions draw
from them.
"""

from __future__ import annotations

import hashlib
import random
from typing import Literal

import numpy as np
import torch

Stream = Literal["init", "order", "views", "loss", "after_step", "prune"]
"""What random numbers are for. A step of `order` is an epoch; that of `init` is 0 for the encoder, 1 for the method."""


def stream_seed(seed: int, stream: Stream, step: int) -> int:
    """Return the 63-bit seed of (seed, stream, step): the first bits of a SHA-256.

    >>> stream_seed(0, "views", 1) != stream_seed(0, "loss", 1)
    True
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{stream}/{step}".encode()).digest()[:8], "big") >> 1


def enter_stream(seed: int, stream: Stream, step: int) -> None:
    """Set every global generator to the start of (seed, stream, step), until another stream is entered."""
    value = stream_seed(seed, stream, step)
    torch.default_generator.manual_seed(value)  # `torch.manual_seed` takes 0.1 ms, because it calls every backend
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(value)
    np.random.seed(value & 0xFFFFFFFF)  # noqa: NPY002 - submissions and kornia may draw from the legacy generator
    random.seed(value)


def stream_generator(seed: int, stream: Stream, step: int) -> torch.Generator:
    """Return a new CPU generator at the start of (seed, stream, step), for the benchmark's own draws."""
    return torch.Generator().manual_seed(stream_seed(seed, stream, step))
