"""Taxicab CIE, churn and the overlap of PIE sets, against counts made example by example."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.scoring.metric import CellView, Estimate, GridView, Population
from benchmark.scoring.metrics import label_change
from benchmark.scoring.metrics.label_change import METRIC, PIE_OVERLAP, churn, jaccard_overlap, taxicab_cie
from benchmark.scoring.metrics.pies import published_pies
from benchmark.spec import Evaluation


def predictions(seed: int, num_models: int = 5, num_classes: int = 4) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, num_classes, (num_models, 50)).astype(np.uint8)


def population(prediction_KN: NDArray[Any]) -> Population:
    return Population({}, {"linear/prediction": prediction_KN})


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 9))
def test_taxicab_and_churn_agree_with_counting_example_by_example(seed: int, models: int, classes: int) -> None:
    dense_KN, sparse_KN = predictions(seed, models, classes), predictions(seed + 1, models, classes)
    expected: list[int] = []
    for example in range(50):
        dense, sparse = Counter(dense_KN[:, example].tolist()), Counter(sparse_KN[:, example].tolist())
        expected.append(sum(abs(dense[label] - sparse[label]) for label in range(classes)))
    found = taxicab_cie(dense_KN, sparse_KN, classes).tolist()
    assert found == expected
    assert all(0 <= distance <= 2 * models and distance % 2 == 0 for distance in found)
    changed = [sum(int(dense_KN[k, i] != sparse_KN[k, i]) for i in range(50)) / 50 for k in range(models)]
    assert churn(dense_KN, sparse_KN).tolist() == pytest.approx(changed)


def test_models_that_swap_their_answers_churn_without_moving_the_histogram() -> None:
    dense_KN, sparse_KN = np.array([[0], [1]]), np.array([[1], [0]])
    assert taxicab_cie(dense_KN, sparse_KN, 2).tolist() == [0]
    assert churn(dense_KN, sparse_KN).tolist() == [1, 1]


def test_taxicab_sees_what_a_tied_mode_hides() -> None:
    dense_KN, sparse_KN = np.array([[0], [0], [0], [1]]), np.array([[0], [0], [1], [1]])
    assert not published_pies(dense_KN, sparse_KN, 2).any()
    assert taxicab_cie(dense_KN, sparse_KN, 2).tolist() == [2]


def test_working_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    dense_KN, sparse_KN = predictions(1), predictions(2)
    whole = taxicab_cie(dense_KN, sparse_KN, 4)
    monkeypatch.setattr(label_change, "CHUNK_EXAMPLES", 7)
    np.testing.assert_array_equal(taxicab_cie(dense_KN, sparse_KN, 4), whole)


def test_overlap_agrees_with_sets_and_its_chance_with_random_sets_of_the_same_size() -> None:
    rng = np.random.default_rng(0)
    first_N, second_N = rng.random(200) < 0.3, rng.random(200) < 0.2
    first, second = set(np.flatnonzero(first_N)), set(np.flatnonzero(second_N))
    found = jaccard_overlap(first_N, second_N)
    assert found.intersection == len(first & second)
    assert found.jaccard == len(first & second) / len(first | second)
    drawn = [jaccard_overlap(first_N, rng.permutation(second_N)) for _ in range(4000)]
    assert found.expected_intersection == pytest.approx(np.mean([each.intersection for each in drawn]), rel=0.02)
    assert found.expected_jaccard == pytest.approx(np.mean([each.jaccard for each in drawn]), rel=0.02)


def test_equal_disjoint_full_and_empty_sets_have_stated_overlaps() -> None:
    some_N, none_N = np.array([True, True, False, False]), np.zeros(4, bool)
    assert jaccard_overlap(some_N, some_N).jaccard == 1
    assert jaccard_overlap(some_N, ~some_N).jaccard == 0
    assert jaccard_overlap(~none_N, ~none_N).expected_jaccard == 1
    assert jaccard_overlap(some_N, none_N).jaccard == jaccard_overlap(some_N, none_N).expected_jaccard == 0
    assert math.isnan(jaccard_overlap(none_N, none_N).jaccard)
    with pytest.raises(ValueError, match="same examples"):
        jaccard_overlap(some_N, none_N[:3])


def test_the_cell_metric_reports_means_and_describes_every_number() -> None:
    dense_KN, sparse_KN = predictions(3), predictions(4)
    cell = CellView("late", Decimal("0.9"), population(dense_KN), population(sparse_KN), np.zeros(50, np.int64), 4)
    found = METRIC.measure(cell, Evaluation())
    assert set(found) == {column.name for column in METRIC.columns}
    assert found["label_change/taxicab"] == Estimate(value=float(taxicab_cie(dense_KN, sparse_KN, 4).mean()))
    estimate = found["label_change/churn"]
    assert estimate.value == pytest.approx((dense_KN != sparse_KN).mean())
    assert estimate.low is not None
    assert estimate.low < (estimate.value or 0)


def grid_of(cells: dict[tuple[str, Decimal], NDArray[Any]], dense_KN: NDArray[Any]) -> GridView:
    names = tuple(dict.fromkeys(name for name, _ in cells))
    sparsities = tuple(sorted({sparsity for _, sparsity in cells}))
    return GridView(
        population(dense_KN), {key: population(array) for key, array in cells.items()}, names, sparsities,
        np.zeros(50, np.int64), 4,
    )  # fmt: skip


def test_the_grid_metric_averages_all_pairs_of_schedules_at_equal_sparsity() -> None:
    dense_KN = predictions(5)
    cells = {
        (name, sparsity): predictions(seed)
        for seed, (name, sparsity) in enumerate(
            ((name, sparsity) for name in ("a", "b", "c") for sparsity in (Decimal("0.5"), Decimal("0.9"))), start=6
        )
    }
    found = PIE_OVERLAP.measure(grid_of(cells, dense_KN), Evaluation())
    pairs = [
        jaccard_overlap(*(published_pies(dense_KN, cells[name, sparsity], 4) for name in names))
        for sparsity in (Decimal("0.5"), Decimal("0.9"))
        for names in (("a", "b"), ("a", "c"), ("b", "c"))
    ]
    assert set(found) == {column.name for column in PIE_OVERLAP.columns}
    assert found["pie_overlap/jaccard"].value == pytest.approx(np.mean([each.jaccard for each in pairs]))
    assert found["pie_overlap/chance"].value == pytest.approx(np.mean([each.expected_jaccard for each in pairs]))


def test_one_schedule_or_no_pie_at_all_has_no_overlap() -> None:
    dense_KN = predictions(5)
    one = grid_of({("a", Decimal("0.5")): predictions(6)}, dense_KN)
    unchanged = grid_of({("a", Decimal("0.5")): dense_KN, ("b", Decimal("0.5")): dense_KN}, dense_KN)
    for grid in (one, unchanged):
        assert list(PIE_OVERLAP.measure(grid, Evaluation()).values()) == [Estimate(value=None)] * 2


@pytest.mark.parametrize(("sizes", "count"), [((1, 1), 6), ((2, 3), 6), ((4, 5), 6), ((3, 3), 7)])
def test_overlap_by_chance_is_the_mean_over_all_sets_of_these_sizes(sizes: tuple[int, int], count: int) -> None:
    """The ratio of means, used before, is 1/11 for single members of 6 where the mean of ratios is 1/6."""
    first, *_ = itertools.combinations(range(count), sizes[0])
    others = itertools.combinations(range(count), sizes[1])
    ratios = [len({*first} & {*other}) / len({*first} | {*other}) for other in others]
    sets = [np.isin(np.arange(count), np.arange(size)) for size in sizes]
    assert jaccard_overlap(*sets).expected_jaccard == pytest.approx(np.mean(ratios), abs=1e-12)
