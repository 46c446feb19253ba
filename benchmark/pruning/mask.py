"""Masks over the prunable weights of an encoder: exact counts, nested for ever. Knows no schedule and no optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mask:
    """Which prunable weights are kept.

    Attributes:
        kept: per prunable weight a bool tensor of its shape, True where the weight lives.
    """

    kept: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        for name, kept in self.kept.items():
            if kept.dtype != torch.bool:
                raise ValueError(f"mask of {name!r}: expected dtype bool, got {kept.dtype}")

    @staticmethod
    def dense(weights: Mapping[str, Tensor]) -> Mask:
        """Keep every one of the prunable `weights`."""
        return Mask({name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()})

    @property
    def num_pruned(self) -> int:
        """Number of masked weights."""
        return sum(int((~kept).sum()) for kept in self.kept.values())

    def apply(self, weights: Mapping[str, Tensor]) -> None:
        """Zero the masked entries of `weights` in place; `where`, because NaN times zero would stay NaN."""
        for name, kept in self.kept.items():
            weights[name].copy_(torch.where(kept, weights[name], 0))

    def is_nested_in(self, earlier: Mask) -> bool:
        """Whether nothing lives here that `earlier` had pruned."""
        return all(bool((earlier.kept[name] | ~kept).all()) for name, kept in self.kept.items())
