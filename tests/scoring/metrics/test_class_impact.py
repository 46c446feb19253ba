"""Class-level impact against tests written from the formula, and every way in which there is nothing to test."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from benchmark.scoring.metric import CellView, Estimate, Population
from benchmark.scoring.metrics.class_impact import METRIC, ClassImpact, class_impact, significant
from benchmark.spec import Evaluation

Integers = NDArray[np.int64]


def predictions(seed: int, num_models: int = 6, num_classes: int = 4) -> tuple[Integers, Integers, Integers]:
    """A dense population, descendants that are worse at class 0, and the labels."""
    rng = np.random.default_rng(seed)
    labels_N = rng.integers(0, num_classes, 80)
    dense_KN = np.where(rng.random((num_models, 80)) < 0.85, labels_N, rng.integers(0, num_classes, (num_models, 80)))
    forgotten = rng.random((num_models, 80)) < np.where(labels_N == 0, 0.5, 0.1)
    return dense_KN, np.where(forgotten, rng.integers(0, num_classes, (num_models, 80)), dense_KN), labels_N


def naive_samples(prediction_KN: Integers, labels_N: Integers, label: int) -> list[float]:
    """Recall of a class per model, minus the mean accuracy of the population."""
    accuracies = [sum(int(p == y) for p, y in zip(row, labels_N, strict=True)) / len(labels_N) for row in prediction_KN]
    mean = sum(accuracies) / len(accuracies)
    members = [i for i, y in enumerate(labels_N) if y == label]
    return [sum(int(row[i] == label) for i in members) / len(members) - mean for row in prediction_KN]


def naive_welch(first: list[float], second: list[float]) -> float:
    (m1, v1), (m2, v2) = moments(first), moments(second)
    e1, e2 = v1 / len(first), v2 / len(second)
    freedom = (e1 + e2) ** 2 / (e1**2 / (len(first) - 1) + e2**2 / (len(second) - 1))
    return float(2 * stats.t.sf(abs(m1 - m2) / math.sqrt(e1 + e2), freedom))


def naive_paired(first: list[float], second: list[float]) -> float:
    mean, variance = moments([b - a for a, b in zip(first, second, strict=True)])
    return float(2 * stats.t.sf(abs(mean) / math.sqrt(variance / len(first)), len(first) - 1))


def moments(values: list[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    return mean, sum((value - mean) ** 2 for value in values) / (len(values) - 1)


@pytest.mark.parametrize("seed", range(5))
def test_differences_and_both_p_values_agree_with_their_formulas(seed: int) -> None:
    dense_KN, sparse_KN, labels_N = predictions(seed)
    found = class_impact(dense_KN, sparse_KN, labels_N, 4)
    for label in range(4):
        dense, sparse = (naive_samples(each, labels_N, label) for each in (dense_KN, sparse_KN))
        np.testing.assert_allclose(found.difference_KC[:, label], np.subtract(sparse, dense), atol=1e-12)
        assert found.welch_C[label] == pytest.approx(naive_welch(dense, sparse), abs=1e-9)
        assert found.paired_C[label] == pytest.approx(naive_paired(dense, sparse), abs=1e-9)


def test_a_class_that_pruning_forgets_is_found_and_the_mean_of_the_others_makes_up_for_it() -> None:
    dense_KN, sparse_KN, labels_N = predictions(0, num_models=20)
    found = class_impact(dense_KN, sparse_KN, labels_N, 4)
    difference_C = found.difference_KC.mean(axis=0)
    assert difference_C[0] < -0.1
    assert found.paired_C[0] < 1e-4
    assert np.bincount(labels_N) @ difference_C == pytest.approx(0, abs=1e-9)


def degenerate(dense_rows: list[list[int]], sparse_rows: list[list[int]]) -> ClassImpact:
    return class_impact(np.array(dense_rows), np.array(sparse_rows), np.array([0, 0, 1, 1]), 3)


def test_without_variance_equal_means_give_one_and_different_means_give_zero() -> None:
    right, one_wrong, all_move = [0, 0, 1, 1], [0, 0, 1, 2], [0, 2, 1, 2]
    unchanged = degenerate([right] * 3, [right] * 3)
    assert unchanged.paired_C[:2].tolist() == unchanged.welch_C[:2].tolist() == [1, 1]
    moved = degenerate([right] * 3, [one_wrong] * 3)
    assert moved.paired_C[:2].tolist() == moved.welch_C[:2].tolist() == [0, 0]
    together = degenerate([right] * 3, [all_move] * 3)  # every class moved as much as the model did
    assert together.paired_C[:2].tolist() == together.welch_C[:2].tolist() == [1, 1]


def test_rounding_does_not_turn_equal_means_into_different_ones() -> None:
    """Recalls such as 2/3 and mean accuracies over 3 models are not exact in binary; the rule counts whole examples."""
    labels_N = np.repeat(np.arange(3), 3)
    dense_KN = np.tile(labels_N, (3, 1))
    sparse_KN = dense_KN.copy()
    sparse_KN[:, ::3] = (sparse_KN[:, ::3] + 1) % 3  # one of three examples of every class, in every model
    found = class_impact(dense_KN, sparse_KN, labels_N, 3)
    assert found.paired_C.tolist() == found.welch_C.tolist() == [1, 1, 1]


def test_paired_differences_without_variance_are_decided_though_models_differ() -> None:
    """Each model loses one example of class 1, but the models differ: paired has no variance, Welch has."""
    found = degenerate([[0, 0, 1, 1], [0, 2, 1, 1]], [[0, 0, 1, 2], [0, 2, 1, 2]])
    assert found.paired_C[:2].tolist() == [0, 0]
    assert 0 < found.welch_C[0] < 1


def test_one_constant_population_beside_a_varying_one_raises_no_warning() -> None:
    found = degenerate([[0, 0, 1, 1]] * 3, [[0, 0, 1, 1], [0, 2, 1, 1], [2, 2, 1, 1]])
    assert 0 < found.welch_C[0] < 1
    assert 0 < found.paired_C[0] < 1


def test_a_class_without_test_examples_and_a_single_model_have_no_p_value() -> None:
    absent = degenerate([[0, 0, 1, 1]] * 2, [[0, 0, 1, 2]] * 2)
    assert math.isnan(absent.paired_C[2])
    assert math.isnan(absent.welch_C[2])
    assert np.isnan(absent.difference_KC[:, 2]).all()
    single = degenerate([[0, 0, 1, 1]], [[0, 0, 1, 2]])
    assert np.isnan(single.paired_C).all()
    assert np.isnan(single.welch_C).all()


def test_populations_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match="pruned models beside their dense parents"):
        degenerate([[0, 0, 1, 1]] * 2, [[0, 0, 1, 1]])


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_the_correction_is_the_step_up_procedure_over_the_classes_that_were_tested(p_values: list[float]) -> None:
    ordered, level = sorted(p_values), 0.1
    passing = [rank for rank, p in enumerate(ordered, start=1) if p <= level * rank / len(ordered)]
    _, corrected = significant(np.array([math.nan, *p_values, math.nan]), level)
    assert corrected == max(passing, default=0)


def cell_of(dense_KN: Integers, sparse_KN: Integers, labels_N: Integers, num_classes: int) -> CellView:
    dense, sparse = (Population({}, {"linear/prediction": each}) for each in (dense_KN, sparse_KN))
    return CellView("late", Decimal("0.9"), dense, sparse, labels_N, num_classes)


def test_the_metric_counts_classes_and_describes_every_number() -> None:
    dense_KN, sparse_KN, labels_N = predictions(1, num_models=12)
    found = class_impact(dense_KN, sparse_KN, labels_N, 5)
    estimates = METRIC.measure(cell_of(dense_KN, sparse_KN, labels_N, 5), Evaluation())
    assert set(estimates) == {column.name for column in METRIC.columns}
    for test, p_C in (("paired", found.paired_C), ("welch", found.welch_C)):
        raw, corrected = significant(p_C, 0.05)
        assert 0 < corrected <= raw
        assert estimates[f"class_impact/{test}_raw"] == Estimate(value=raw)
        assert estimates[f"class_impact/{test}_bh"] == Estimate(value=corrected)
    assert estimates["class_impact/largest_drop"].value == pytest.approx(-np.nanmin(found.difference_KC.mean(axis=0)))


def test_one_model_has_a_largest_drop_and_no_counts() -> None:
    dense_KN, sparse_KN, labels_N = predictions(2, num_models=1)
    estimates = METRIC.measure(cell_of(dense_KN, sparse_KN, labels_N, 4), Evaluation())
    assert estimates["class_impact/paired_bh"] == Estimate(value=None)
    assert estimates["class_impact/largest_drop"].value is not None
