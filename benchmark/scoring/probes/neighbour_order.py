"""Which columns of a block of distances are the k nearest, in a stated order: nearest first, ties to the lower column.

Distances that differ by rounding alone are ties. They are put into *groups*: neighbours in ascending order belong to
one group until a gap is wider than rounding. Order is by group, then by column, and does not depend on the device.

Shapes: n rows (test examples), M columns (training examples), k wanted, c columns that are candidates, b blocks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

RESOLUTION = 2.0**-40
"""Relative resolution of distances (9e-13): a gap to the next distance that is no larger makes a tie. Matrix products
of equal numbers differ by 1e-15 with the position in the matrix; such rounding must not decide between duplicates."""


def nearest_columns(distance_nM: Tensor, squares_n1: Tensor, k: int) -> Tensor:
    """Return the columns of the k smallest distances of every row, nearest first, ties to the lower column.

    Args:
        distance_nM: float64 (n, M), finite.
        squares_n1: float64 (n, 1), squared length of each row's vector, relative to which distances are rounded.
        k: in [1, M].

    Returns:
        int64 (n, k).
    """
    num_columns = distance_nM.shape[1]
    # One candidate more than wanted shows whether the last group goes on behind the k-th.
    candidate_nc, column_nc = _smallest(distance_nM, min(k + 1, num_columns))
    # |a|^2 + |b|^2 - 2 ab is rounded relative to |a|^2 + |b|^2, and |b|^2 <= 2 |a|^2 + 2 |a - b|^2.
    rounding_n1 = RESOLUTION * (squares_n1 + candidate_nc[:, k - 1 : k].abs())
    rounding_n1 = torch.where(rounding_n1 > 0, rounding_n1, 1.0)
    group_nc = _tie_groups(candidate_nc, rounding_n1)
    nearest_nk = _first_by_group_and_column(group_nc, column_nc, num_columns, k)
    if k < num_columns:
        # Where the last group goes on, any of its members may be a candidate: these rows need all their columns.
        cut_rows = (group_nc[:, k] == group_nc[:, k - 1]).nonzero()[:, 0]
        nearest_nk[cut_rows] = _nearest_of_all(distance_nM[cut_rows], rounding_n1[cut_rows], k)
    return nearest_nk


def _nearest_of_all(distance_nM: Tensor, rounding_n1: Tensor, k: int) -> Tensor:
    """Do the same with every column as a candidate: exact for any ties, and slow."""
    distance_nM, column_nM = distance_nM.sort(dim=1)
    return _first_by_group_and_column(_tie_groups(distance_nM, rounding_n1), column_nM, distance_nM.shape[1], k)


def _tie_groups(ascending_nc: Tensor, rounding_n1: Tensor) -> Tensor:
    """Number the groups of tied distances from 0, int64 (n, c): a group ends before a gap wider than rounding.

    Rounding to multiples of a step would not do: it parts equal distances near the middle between two multiples.
    """
    begins_nc = torch.zeros_like(ascending_nc, dtype=torch.int64)
    begins_nc[:, 1:] = ascending_nc.diff(dim=1) > rounding_n1
    return begins_nc.cumsum_(dim=1)


def _first_by_group_and_column(group_nc: Tensor, column_nc: Tensor, num_columns: int, k: int) -> Tensor:
    """Return the first k columns in order of group, then of column, (n, k)."""
    place_nc = (group_nc * num_columns).add_(column_nc)  # one whole number orders by both, and is never tied
    return place_nc.topk(k, dim=1, largest=False).values.remainder_(num_columns)


def _smallest(distance_nM: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the `count` smallest distances of every row, ascending, and their columns; of equal ones any.

    Block b holds the columns b, b + num_blocks, b + 2 num_blocks, ... What is among the smallest lies in one of the
    `count` blocks with the smallest minima, so that only these blocks are searched, and the few columns at the end that
    no block holds: three times as fast as searching whole rows of 50,000.
    """
    num_columns = distance_nM.shape[1]
    block_size = round(math.sqrt(num_columns / count))  # balances the number of blocks and what is left to search
    num_blocks = num_columns // max(1, block_size)
    if block_size < 2 or num_blocks <= count:
        return distance_nM.topk(count, dim=1, largest=False)
    num_in_blocks = block_size * num_blocks
    minimum_nb = distance_nM[:, :num_in_blocks].unflatten(1, (block_size, num_blocks)).amin(dim=1)
    block_nc = minimum_nb.topk(count, dim=1, largest=False, sorted=False).indices
    first_of_step = num_blocks * torch.arange(block_size, device=distance_nM.device)
    in_blocks = (block_nc[:, None, :] + first_of_step[:, None]).flatten(1)
    at_the_end = torch.arange(num_in_blocks, num_columns, device=distance_nM.device).expand(len(distance_nM), -1)
    searched = torch.cat([in_blocks, at_the_end], dim=1)
    found = distance_nM.gather(1, searched).topk(count, dim=1, largest=False)
    return found.values, searched.gather(1, found.indices)
