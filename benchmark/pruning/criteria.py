"""Which weights are pruned next: those of smallest magnitude, or random ones.

Counts are exact, ties are broken by position, and a pruned weight stays pruned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from benchmark.data.streams import stream_generator
from benchmark.pruning.mask import Mask


def magnitude_scores(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Score each weight by its magnitude |w|, in float32; the smallest is pruned first.

    Source:
        Han et al. 2015 (arXiv 1506.02626).
    """
    return {name: weight.detach().abs().to(torch.float32) for name, weight in weights.items()}


def random_scores(weights: Mapping[str, Tensor], seed: int, step: int) -> dict[str, Tensor]:
    """Score each weight by a uniform random number in [0, 1), as the control of `magnitude_scores`.

    Args:
        weights: the prunable weights; only their shapes and device are used.
        seed: the model's seed.
        step: step of the prune event. Numbers are drawn on the CPU from the seed's `prune` stream at this step, so that
            every device gets the same.
    """
    generator = stream_generator(seed, "prune", step)
    return {name: torch.rand(weight.shape, generator=generator).to(weight.device) for name, weight in weights.items()}


def prune(
    mask: Mask, scores: Mapping[str, Tensor], num_pruned: tuple[int, ...], allocation: Literal["global", "layerwise"]
) -> Mask:
    """Extend a mask until exactly `num_pruned` weights are masked.

    Args:
        mask: the mask so far. Its pruned weights rank below all others, so that none of them comes back.
        scores: per prunable weight a non-negative float tensor of its shape. The lowest scores are pruned first, equal
            ones by position. NaN counts as 0.
        num_pruned: one total for `global`, one count per layer (in the mask's order) for `layerwise`.
        allocation: `global` ranks the weights of all layers together, `layerwise` ranks each layer alone.

    Returns:
        A mask that keeps nothing which `mask` had pruned, with exactly the counts asked for.

    Raises:
        ValueError: fewer weights are asked for than are masked already, or more than there are. Or mask and scores do
            not name the same layers in the same order, which decides counts and ties.
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
    """Return which entries of flat tensors are kept when exactly `num_pruned` are pruned; `where` names them."""
    num_pruned_before = int((~kept).sum())
    if not num_pruned_before <= num_pruned <= kept.numel():
        raise ValueError(
            f"{where}: expected a count of pruned weights in [{num_pruned_before}, {kept.numel()}], got {num_pruned}"
        )
    # NaN would rank above everything and be kept for ever. A diverged weight is pruned first instead.
    ranked = torch.where(kept, torch.nan_to_num(scores, nan=0.0), -1.0).argsort(stable=True)
    pruned = torch.zeros_like(kept)
    pruned[ranked[:num_pruned]] = True
    return ~pruned
