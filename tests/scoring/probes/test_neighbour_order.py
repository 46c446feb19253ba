"""The order of neighbours: against whole rows sorted one by one, with ties that rounding has pulled apart."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.scoring.probes import neighbour_order
from benchmark.scoring.probes.neighbour_order import RESOLUTION, nearest_columns


def naive_order(distances: list[float], square: float, k: int) -> list[int]:
    """Sort one row; begin a new group at every gap wider than rounding; within a group the lower column is first."""
    ascending = sorted(range(len(distances)), key=lambda column: distances[column])
    rounding = RESOLUTION * (square + abs(distances[ascending[k - 1]])) or 1.0
    groups: list[list[int]] = []
    for position, column in enumerate(ascending):
        gap = distances[column] - distances[ascending[position - 1]] if position else rounding
        if not position or gap > rounding:
            groups.append([])
        groups[-1].append(column)
    return [column for group in groups for column in sorted(group)][:k]


def jittered(random: np.random.Generator, num_columns: int, distinct: int) -> NDArray[np.float64]:
    """Few whole distances, moved by less than rounding, so that ties are no equal numbers."""
    whole = random.integers(1, 1 + distinct, size=(5, num_columns)).astype(np.float64)
    return whole + random.integers(-1, 2, size=whole.shape) * RESOLUTION / 4


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10_000), num_columns=st.integers(1, 300), k=st.integers(1, 40), distinct=st.integers(1, 400))
def test_the_nearest_are_those_of_whole_rows_sorted_by_group_and_column(
    seed: int, num_columns: int, k: int, distinct: int
) -> None:
    k, random = min(k, num_columns), np.random.default_rng(seed)
    distance_nM, square_n = jittered(random, num_columns, distinct), random.random(5)
    found_nk = nearest_columns(torch.from_numpy(distance_nM), torch.from_numpy(square_n[:, None]), k)
    for distances, square, found in zip(distance_nM.tolist(), square_n.tolist(), found_nk.tolist(), strict=True):
        assert found == naive_order(distances, square, k)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000), num_columns=st.integers(1, 700), count=st.integers(1, 40), distinct=st.integers(1, 900)
)
def test_searching_few_blocks_finds_what_sorting_whole_rows_finds(
    seed: int, num_columns: int, count: int, distinct: int
) -> None:
    """With few distinct values many blocks share their minimum."""
    count = min(count, num_columns)
    drawn = np.random.default_rng(seed).integers(0, distinct, size=(7, num_columns)).astype(np.float64)
    values, columns = neighbour_order._smallest(  # pyright: ignore[reportPrivateUsage]
        torch.from_numpy(drawn), count
    )
    np.testing.assert_array_equal(values.numpy(), np.sort(drawn, axis=1)[:, :count])
    np.testing.assert_array_equal(np.take_along_axis(drawn, columns.numpy(), axis=1), values.numpy())
    assert all(len(set(row)) == count for row in columns.tolist())
