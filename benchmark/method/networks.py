"""Small networks that methods put on an encoder: projection heads, predictors, expanders."""

from __future__ import annotations

from itertools import pairwise

from torch import nn


def mlp(*sizes: int, batch_norm: bool = True, closing_norm: bool = False) -> nn.Sequential:
    """Build a multi-layer perceptron: linear layers, with batch norm and ReLU between them and not after the last.

    Args:
        sizes: features of the input, of every hidden layer, and of the output.
        batch_norm: whether hidden layers have batch norm; their linear layers then have no bias.
        closing_norm: whether the output has batch norm without scale and shift (SimSiam).

    Returns:
        A module from (N, sizes[0]) to (N, sizes[-1]).

    Raises:
        ValueError: there are fewer than two sizes.

    >>> [type(layer).__name__ for layer in mlp(8, 16, 4)]
    ['Linear', 'BatchNorm1d', 'ReLU', 'Linear']
    """
    if len(sizes) < 2:
        raise ValueError(f"mlp: expected at least an input and an output size, got {sizes}")
    layers: list[nn.Module] = []
    for in_size, size in pairwise(sizes[:-1]):
        layers.append(nn.Linear(in_size, size, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm1d(size))
        layers.append(nn.ReLU(inplace=True))
    layers.append(nn.Linear(sizes[-2], sizes[-1], bias=not closing_norm))
    if closing_norm:
        layers.append(nn.BatchNorm1d(sizes[-1], affine=False))
    return nn.Sequential(*layers)
