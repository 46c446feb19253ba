"""The mask over the prunable weights of an encoder. How it is extended is the business of `criteria`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mask:
    """Which prunable weights are kept.

    Attributes:
        kept: per prunable weight a bool tensor of its shape, True where the weight is kept.

    Raises:
        ValueError: a tensor of `kept` is not boolean.
    """

    kept: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        for name, kept in self.kept.items():
            if kept.dtype != torch.bool:
                raise ValueError(f"mask of {name!r}: expected dtype bool, got {kept.dtype}")

    @staticmethod
    def dense(weights: Mapping[str, Tensor]) -> Mask:
        """Return the mask that keeps every one of the prunable `weights`."""
        return Mask({name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()})

    @property
    def num_pruned(self) -> int:
        """Number of masked weights."""
        return sum(int((~kept).sum()) for kept in self.kept.values())

    def apply(self, weights: Mapping[str, Tensor]) -> None:
        """Zero the masked entries of `weights` in place, those that are NaN or infinite too."""
        for name, kept in self.kept.items():
            weights[name].copy_(torch.where(kept, weights[name], 0))  # NaN times zero would stay NaN
