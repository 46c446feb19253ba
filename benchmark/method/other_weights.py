"""Calling a module with other weights than its own: perturbed (SAM) or pruned by magnitude (SDCLR).

The module itself is not changed, and gradients flow to its own weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call


def call_with(module: nn.Module, weights: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
    """Call a module with other weights, and leave its running statistics as they are.

    Images are counted like those of any other call of the encoder.

    Args:
        module: the encoder in `loss`, or a head.
        weights: by the names of `module.named_parameters()`; those that are missing stay the module's own.
        inputs: its argument.
    """
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    return cast(Tensor, functional_call(module, {**buffers, **weights}, (inputs,)))


def prunable_weights(encoder: nn.Module) -> dict[str, Tensor]:
    """Return the weights of convolutions and linear layers by name: what the benchmark prunes."""
    return {
        f"{name}.weight": module.weight
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }


def largest_weights(encoder: nn.Module, sparsity: float | Tensor) -> dict[str, Tensor]:
    """Return the prunable weights with all but the largest set to zero, by magnitude over all layers together.

    Weights that are zero already count among the smallest. Nothing waits for the device.

    Args:
        encoder: its weights are read; gradients of the result flow to those that were kept.
        sparsity: share of the weights to set to zero, in [0, 1); a tensor where it is drawn on the device.

    Returns:
        Weights by name, for `call_with`.
    """
    weights = prunable_weights(encoder)
    with torch.no_grad():
        magnitudes = torch.cat([weight.detach().abs().flatten() for weight in weights.values()])
        share = torch.as_tensor(sparsity, dtype=torch.float64, device=magnitudes.device)
        num_pruned = (share * len(magnitudes)).round().long().clamp(max=len(magnitudes) - 1)
        smallest_kept = magnitudes.sort().values.gather(0, num_pruned.reshape(1))
    return {name: weight * (weight.detach().abs() >= smallest_kept) for name, weight in weights.items()}
