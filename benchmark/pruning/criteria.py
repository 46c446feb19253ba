"""Which weights go next: smallest magnitude, or random. Exact counts, ties by position, pruned weights stay pruned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from benchmark.data.streams import stream_generator
from benchmark.pruning.mask import Mask


def magnitude_scores(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Score by raw |w| (Han et al. 2015): the smallest is pruned first."""
    return {name: weight.detach().abs().to(torch.float32) for name, weight in weights.items()}


def random_scores(weights: Mapping[str, Tensor], seed: int, step: int) -> dict[str, Tensor]:
    """Score at random, the control: drawn on the CPU from the seed's `prune` stream, so that devices agree."""
    generator = stream_generator(seed, "prune", step)
    return {name: torch.rand(weight.shape, generator=generator).to(weight.device) for name, weight in weights.items()}


def prune(
    mask: Mask, scores: Mapping[str, Tensor], num_pruned: tuple[int, ...], allocation: Literal["global", "layerwise"]
) -> Mask:
    """Extend a mask until exactly `num_pruned` weights are masked.

    Args:
        mask: the mask so far; its pruned weights rank below everything, so none is ever resurrected.
        scores: per prunable weight a non-negative float tensor; the lowest go first, ties by position.
        num_pruned: one total for `global`, one count per layer (in the mask's order) for `layerwise`.
        allocation: whether layers are ranked together or each for itself.

    Returns:
        A mask nested in `mask` with exactly the counts asked for.

    Raises:
        ValueError: more weights are masked already than asked for, or there are fewer weights than that; mask and
            scores name different layers, or the same in another order, which would share out counts and ties otherwise.
    """
    names = list(mask.kept)
    if names != list(scores):
        raise ValueError(f"scores: expected the layers of the mask in its order, {names}, got {list(scores)}")
    if allocation == "global":
        kept = _keep_top(
            torch.cat([mask.kept[name].flatten() for name in names]),
            torch.cat([scores[name].flatten() for name in names]), num_pruned[0], "all layers together",
        )  # fmt: skip
        parts = kept.split([mask.kept[name].numel() for name in names])
    else:
        parts = [
            _keep_top(mask.kept[name].flatten(), scores[name].flatten(), count, name)
            for name, count in zip(names, num_pruned, strict=True)
        ]
    return Mask({name: part.view(mask.kept[name].shape) for name, part in zip(names, parts, strict=True)})


def _keep_top(kept: Tensor, scores: Tensor, num_pruned: int, where: str) -> Tensor:
    num_pruned_before = int((~kept).sum())
    if not num_pruned_before <= num_pruned <= kept.numel():
        raise ValueError(
            f"{where}: expected a count of pruned weights in [{num_pruned_before}, {kept.numel()}], got {num_pruned}"
        )
    # NaN would rank above everything and be kept for ever; a diverged weight goes first instead
    ranked = torch.where(kept, torch.nan_to_num(scores, nan=0.0), -1.0).argsort(stable=True)
    pruned = torch.zeros_like(kept)
    pruned[ranked[:num_pruned]] = True
    return ~pruned
