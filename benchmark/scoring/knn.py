"""Exact nearest neighbours in chunks, and the weighted kNN probe that votes with them.

It owns the search and its tie rule. It refuses to approximate: an index that misses neighbours would move the metric.

Shapes: M training examples, N test examples, n of one chunk, D features, k neighbours, C classes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.scoring.instrument import Features

CHUNK_BYTES = 32 * 2**20
"""Working memory for one chunk of the float64 distance matrix, or of gathered neighbours."""

RESOLUTION = 2.0**-40
"""Relative resolution of distances (9e-13): closer together is a tie. Matrix products of equal numbers differ by 1e-15
with the position in the matrix; without this, such rounding would decide ties between duplicates."""


def nearest(
    train_MD: Features, test_ND: Features, k: int, metric: Literal["cosine", "euclidean"]
) -> NDArray[np.int64]:
    """Find the k nearest training examples of every test example.

    `cosine` orders by `-<a, b> / (|a| |b|)`, `euclidean` by `|a - b|^2`, both in float64, exactly (all pairs, in
    chunks of test examples). Ties go to the lower training index. A zero vector has similarity 0 to everything.

    Args:
        train_MD: float32 (M, D), finite.
        test_ND: float32 (N, D), finite.
        k: number of neighbours, at least 1; M where that is less.
        metric: what is near.

    Returns:
        int64 (N, min(k, M)), indices in [0, M), nearest first.

    Raises:
        ValueError: if there is no training example, k < 1 or the numbers of features differ.

    Example:
        >>> train = np.array([[0.0], [2.0], [2.0], [9.0]], np.float32)
        >>> nearest(train, np.array([[1.0], [8.0]], np.float32), 3, "euclidean").tolist()
        [[0, 1, 2], [3, 1, 2]]
    """
    if k < 1 or not len(train_MD) or train_MD.shape[1:] != test_ND.shape[1:]:
        raise ValueError(f"nearest: expected k >= 1 and (M >= 1, D), (N, D), got {k}, {train_MD.shape}, {test_ND.shape}")
    train, k = _prepared(train_MD, train_MD, metric), min(k, len(train_MD))
    squares_M = train.square().sum(dim=1) if metric == "euclidean" else None
    found = np.empty((len(test_ND), k), np.int64)
    chunk = max(1, CHUNK_BYTES // (8 * len(train_MD)))
    for start in range(0, len(test_ND), chunk):
        test = _prepared(test_ND[start : start + chunk], train_MD, metric)
        if squares_M is None:
            distance_nM, resolution_n = test @ train.T.neg(), torch.full((len(test), 1), RESOLUTION, dtype=test.dtype)
        else:
            squares_n = test.square().sum(dim=1, keepdim=True)
            distance_nM = torch.addmm(squares_M, test, train.T, alpha=-2).add_(squares_n)
            farthest_n = distance_nM.kthvalue(k, dim=1, keepdim=True).values.abs() if k > 1 else squares_n
            # Rounding of |a|^2 + |b|^2 - 2 ab is relative to |a|^2 + |b|^2, and |b|^2 <= 2 |a|^2 + 2 |a - b|^2.
            resolution_n = RESOLUTION * (squares_n + farthest_n)
        found[start : start + chunk] = _lowest(distance_nM, resolution_n, k).numpy()
    return found


def _prepared(features_ND: Features, train_MD: Features, metric: str) -> Tensor:
    """Convert to float64: unit length for cosine, relative to the training mean (shorter vectors) for Euclidean."""
    features = torch.from_numpy(features_ND.astype(np.float64))
    if metric == "euclidean":
        return features.sub_(torch.from_numpy(train_MD.mean(axis=0, dtype=np.float64)))
    norm_N1 = features.norm(dim=1, keepdim=True)
    return features.div_(torch.where(norm_N1 > 0, norm_N1, 1.0))


def _lowest(distance_nM: Tensor, resolution_n1: Tensor, k: int) -> Tensor:
    """Give the columns of the k smallest entries per row, smallest first, ties to the lowest column, (n, k)."""
    safe_n1 = torch.where(resolution_n1 > 0, resolution_n1, 1.0)
    if k == distance_nM.shape[1]:
        return torch.div(distance_nM, safe_n1).round_().argsort(dim=1, stable=True)
    values_nk1, columns_nk1 = distance_nM.topk(k + 1, dim=1, largest=False, sorted=True)
    steps_nk1 = torch.div(values_nk1, safe_n1).round_()
    columns_nk, order = columns_nk1[:, :k].sort(dim=1)
    steps_nk = steps_nk1[:, :k].gather(1, order)
    # Where the last neighbour ties with one left out, topk chose among them arbitrarily.
    for rows in (steps_nk1[:, k] == steps_nk1[:, k - 1]).nonzero()[:, 0].split(256):
        columns_nk[rows] = _lowest_columns(torch.div(distance_nM[rows], safe_n1[rows]).round_(), steps_nk1[rows, k - 1])
        steps_nk[rows] = torch.div(distance_nM[rows].gather(1, columns_nk[rows]), safe_n1[rows]).round_()
    return columns_nk.gather(1, steps_nk.argsort(dim=1, stable=True))


def _lowest_columns(steps_rM: Tensor, last_r: Tensor) -> Tensor:
    """Choose everything before `last_r` and, of what equals it, the lowest columns; the first row count is k."""
    raise NotImplementedError
