"""How sparse a network really is: achieved sparsity, overall and per layer, compression, and effective sparsity.

It owns counting. It refuses to believe a mask or a request: only weights that are exactly zero count as pruned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import Column, ModelMetric, ModelView, Outcome
from benchmark.spec import Evaluation

NEGLIGIBLE_RATIO = 1e-3
"""A weight smaller than this share of the largest magnitude in its layer is as good as pruned."""

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
"""Last words of the names of a network's statistics and counters, which are state and not parameters."""


class LayerCount(NamedTuple):
    """How many weights a prunable layer has, and how many of them are exactly zero."""

    name: str
    num_weights: int
    num_zero: int


def layer_sparsities(weights: Mapping[str, NDArray[Any]], prunable: Sequence[str]) -> tuple[LayerCount, ...]:
    """Count weights and zeros of every prunable layer, in the order of `prunable`; -0.0 is zero, NaN is not."""
    return tuple(LayerCount(name, *_size_and_zeros(weights[name])) for name in prunable)


def effective_sparsity(layers: Sequence[NDArray[Any]]) -> float:
    """Return the share of weights smaller in magnitude than `NEGLIGIBLE_RATIO` times the largest of their layer.

    A layer that is zero throughout counts whole: it has no largest weight to be compared with.

    Args:
        layers: weights of any shape, at least one element in all, finite.

    Returns:
        In [0, 1], never below the sparsity.

    Example:
        >>> effective_sparsity([np.array([1.0, -0.5, 0.0009, 0.0]), np.array([[0.0, 0.0]])])
        0.6666666666666666
    """
    negligible = 0
    for weights in layers:
        magnitudes = np.abs(weights.astype(np.float64))
        largest = magnitudes.max(initial=0.0)
        negligible += weights.size if largest == 0 else int((magnitudes < NEGLIGIBLE_RATIO * largest).sum())
    return negligible / sum(weights.size for weights in layers)


def theoretical_speedup(
    weights: Mapping[str, NDArray[Any]], prunable: Sequence[str], positions: Mapping[str, int]
) -> float:
    """Return multiply-adds of the dense network over those that are left, if every zero weight could be skipped.

    `sum_l n_l q_l / sum_l (n_l - z_l) q_l` with n_l weights and z_l zeros in layer l, used at q_l output positions.

    Args:
        weights: the network's weights by name.
        prunable: names of the convolutions and linear layers, one image's multiply-adds in all.
        positions: height times width of each layer's output; 1 for a linear layer.

    Returns:
        At least 1; infinity when nothing is left.

    Source:
        Blalock et al. 2020 (arXiv 2003.03033) ask for it beside the compression ratio.

    Example:
        >>> kernel, head = np.array([1.0, 0.0]), np.array([1.0, 1.0])
        >>> theoretical_speedup({"kernel": kernel, "head": head}, ["kernel", "head"], {"kernel": 4, "head": 1})
        1.6666666666666667
    """
    dense = left = 0
    for name in prunable:
        size, zeros = _size_and_zeros(weights[name])
        dense += size * positions[name]
        left += (size - zeros) * positions[name]
    return dense / left if left else math.inf


def _size_and_zeros(weights: NDArray[Any]) -> tuple[int, int]:
    return weights.size, weights.size - int(np.count_nonzero(weights))


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    """Count zeros; a compression that would be infinite is NaN, undefined."""
    prunable = [_size_and_zeros(view.weights[name]) for name in view.prunable]
    parameters = [
        _size_and_zeros(weights) for name, weights in view.weights.items() if name.rpartition(".")[2] not in BUFFERS
    ]
    size, zeros = (sum(counts) for counts in zip(*prunable, strict=True))
    all_size, all_zeros = (sum(counts) for counts in zip(*parameters, strict=True))
    return Outcome(
        {
            "sparsity/achieved": zeros / size,
            "sparsity/all_parameters": all_zeros / all_size,
            "sparsity/compression": size / (size - zeros) if zeros < size else math.nan,
            "sparsity/effective": effective_sparsity([view.weights[name] for name in view.prunable]),
        }
    )


METRIC = ModelMetric(
    name="sparsity",
    version=1,
    settings=lambda evaluation: None,
    measure=_measure,
    columns=(
        Column(
            name="sparsity/achieved",
            title="Sparsity",
            better="neither",
            description="Share of prunable weights that are exactly zero, in [0, 1]; prunable are the weights of the "
            "encoder's convolutions and linear layers.",
        ),
        Column(
            name="sparsity/all_parameters",
            title="Sparsity of all parameters",
            better="neither",
            description="Share of zeros among all weights, biases and batch-norm parameters of the encoder, in [0, 1]; "
            "running statistics are not parameters.",
        ),
        Column(
            name="sparsity/compression",
            title="Compression",
            unit="x",
            better="neither",
            description="Number of prunable weights over the number that are left, at least 1; undefined when none is.",
        ),
        Column(
            name="sparsity/effective",
            title="Effective sparsity",
            better="neither",
            description="Share of prunable weights smaller than a thousandth of the largest in their layer, in [0, 1]; "
            "a layer of zeros counts whole. High on dense models: the method sparsifies by itself.",
        ),
    ),
)
