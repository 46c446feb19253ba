"""Where metrics compute, and in pieces of which size: plain values, given to the code that does heavy arithmetic.

It owns the defaults. It refuses to import torch: records describe their columns without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Device = Literal["cpu", "cuda"]

MIB = 2**20

DEFAULT_CHUNK_BYTES: Mapping[Device, int] = {"cpu": 16 * MIB, "cuda": 256 * MIB}
"""What stays near a processor's cache, and what keeps a GPU busy and leaves room there for the other processes."""


@dataclass(frozen=True)
class Compute:
    """A device, and the size of the pieces that work is cut into there.

    Attributes:
        device: `cpu` or `cuda`; numbers read on different devices may differ in their last bits.
        chunk_bytes: of the maps of one forward pass, of one block of distances. Settling ties takes up to six times
            as much.
    """

    device: Device = "cpu"
    chunk_bytes: int = DEFAULT_CHUNK_BYTES["cpu"]

    @staticmethod
    def on(device: Device, chunk_mib: int | None = None) -> Compute:
        """Compute on a device, in pieces of so many MiB, or of the size that suits the device."""
        return Compute(device, DEFAULT_CHUNK_BYTES[device] if chunk_mib is None else chunk_mib * MIB)


ON_CPU = Compute()
"""On the processor, as everything was read before there was a choice."""
