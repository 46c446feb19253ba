"""Named random streams: randomness at update t is a function of (seed, stream name, t) and of nothing else.

There is one stream per purpose. With a single generator for all of them, models that share a batch would disturb one
another's draws. torch, numpy and `random` are set alike, because kornia and submissions draw from the global ones.
"""

from __future__ import annotations

import hashlib
import random
from typing import Literal

import numpy as np
import torch

Stream = Literal["init", "order", "views", "loss", "after_step", "prune"]


def stream_seed(seed: int, stream: Stream, step: int) -> int:
    """Derive a 63-bit seed from (seed, stream, step).

    >>> stream_seed(0, "views", 1) != stream_seed(0, "loss", 1)
    True
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{stream}/{step}".encode()).digest()[:8], "big") >> 1


def enter_stream(seed: int, stream: Stream, step: int) -> None:
    """Point every global generator at the start of (seed, stream, step); the next stream entered replaces it."""
    value = stream_seed(seed, stream, step)
    torch.default_generator.manual_seed(value)  # `torch.manual_seed` asks every backend there is: 0.1 ms each time
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(value)
    np.random.seed(value & 0xFFFFFFFF)  # noqa: NPY002 - submissions and kornia may draw from the legacy generator
    random.seed(value)


def stream_generator(seed: int, stream: Stream, step: int) -> torch.Generator:
    """Give a private CPU generator at the start of (seed, stream, step), for our own draws."""
    return torch.Generator().manual_seed(stream_seed(seed, stream, step))
