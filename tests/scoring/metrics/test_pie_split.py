"""Averages of a per-example outcome on PIEs and elsewhere: pairing, undefined entries, empty sets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from benchmark.scoring.metric import CellView, Estimate, Population
from benchmark.scoring.metrics.pie_split import split_by_pie

DENSE_PREDICTION = np.array([[0, 0, 1, 1]] * 3)
SPARSE_PREDICTION = np.array([[0, 0, 1, 2]] * 3)
"""Example 3 is the only PIE."""


def cell_of(dense_KN: NDArray[Any], sparse_KN: NDArray[Any], sparse_prediction: NDArray[Any]) -> CellView:
    dense = Population({}, {"linear/prediction": DENSE_PREDICTION, "group/outcome": dense_KN})
    sparse = Population({}, {"linear/prediction": sparse_prediction, "group/outcome": sparse_KN})
    return CellView("late", Decimal("0.9"), dense, sparse, np.zeros(4, np.int64), 3)


def test_the_shift_is_paired_and_its_interval_is_that_of_the_differences() -> None:
    rng = np.random.default_rng(0)
    seeds_K1 = rng.normal(0, 100, (3, 1))  # large differences between seeds that pairing removes
    dense_KN, sparse_KN = seeds_K1 + rng.random((3, 4)), seeds_K1 + rng.random((3, 4))
    shift = split_by_pie(cell_of(dense_KN, sparse_KN, SPARSE_PREDICTION), "group/outcome", 0.9)["shift"]
    expected = stats.ttest_1samp(sparse_KN.mean(axis=1) - dense_KN.mean(axis=1), 0).confidence_interval(0.9)
    assert shift.value == pytest.approx((sparse_KN - dense_KN).mean())
    assert (shift.low, shift.high) == pytest.approx((expected.low, expected.high))


def test_undefined_examples_are_left_out_of_their_model_alone() -> None:
    sparse_KN = np.arange(12.0).reshape(3, 4)
    sparse_KN[1, 0] = np.nan
    found = split_by_pie(cell_of(np.zeros((3, 4)), sparse_KN, SPARSE_PREDICTION), "group/outcome", 0.95)
    assert found["not_pie"].value == pytest.approx(np.mean([(0 + 1 + 2) / 3, (5 + 6) / 2, (8 + 9 + 10) / 3]))
    assert found["pie"].value == pytest.approx((3 + 7 + 11) / 3)


def test_without_a_pie_and_where_a_model_has_nothing_defined_the_number_is_undefined() -> None:
    values_KN = np.ones((3, 4), np.uint8)
    found = split_by_pie(cell_of(values_KN, values_KN, DENSE_PREDICTION), "group/outcome", 0.95)
    assert found["pie"] == found["dense_pie"] == Estimate(value=None)
    assert found["not_pie"] == Estimate(value=1, low=1, high=1)
    undefined_KN = np.ones((3, 4))
    undefined_KN[2, :3] = np.nan
    found = split_by_pie(cell_of(values_KN, undefined_KN, SPARSE_PREDICTION), "group/outcome", 0.95)
    assert found["not_pie"].value is None


def test_an_outcome_that_a_population_lacks_gives_no_numbers() -> None:
    """Outcomes that are packed for a repository may lack a column: it ended as KeyError: 'q_score_2022/score'."""
    assert split_by_pie(cell_of(np.zeros((3, 4)), np.zeros((3, 4)), SPARSE_PREDICTION), "group/other", 0.95) == {}
