"""Class impact: what is counted as hit, the published test from its formula, and where there is nothing to test."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from benchmark.scoring.metric import CellView, Estimate, Population
from benchmark.scoring.metrics.class_impact import METRIC, class_impact, published_test
from benchmark.spec import Evaluation

Integers = NDArray[np.int64]


def predictions(seed: int, num_models: int = 6, num_classes: int = 4) -> tuple[Integers, Integers, Integers]:
    """A dense population, descendants that are worse at class 0, and the labels."""
    rng = np.random.default_rng(seed)
    labels_N = rng.integers(0, num_classes, 80)
    dense_KN = np.where(rng.random((num_models, 80)) < 0.85, labels_N, rng.integers(0, num_classes, (num_models, 80)))
    forgotten = rng.random((num_models, 80)) < np.where(labels_N == 0, 0.7, 0.1)
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


def moments(values: list[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    return mean, sum((value - mean) ** 2 for value in values) / (len(values) - 1)


@pytest.mark.parametrize("seed", range(5))
def test_the_published_test_agrees_with_its_formula(seed: int) -> None:
    dense_KN, sparse_KN, labels_N = predictions(seed)
    found_C = published_test(dense_KN, sparse_KN, labels_N, 4)
    for label in range(4):
        dense, sparse = (naive_samples(each, labels_N, label) for each in (dense_KN, sparse_KN))
        assert found_C[label] == pytest.approx(naive_welch(dense, sparse), abs=1e-9)


def test_a_class_that_pruning_forgets_is_hit_and_no_other() -> None:
    dense_KN, sparse_KN, labels_N = predictions(0, num_models=20)
    found = class_impact(dense_KN, sparse_KN, labels_N, 4)
    assert found.hits.tolist() == [True, False, False, False]


def test_one_image_of_one_model_that_changed_hits_no_class() -> None:
    """Where nine of ten classes had no variance, p was 0 and they were reported as hit."""
    labels_N = np.arange(100) % 10
    dense_KN = np.tile(labels_N, (6, 1))
    sparse_KN = dense_KN.copy()
    sparse_KN[0, 0] = 1
    estimates = METRIC.measure(cell_of(dense_KN, sparse_KN, labels_N, 10), Evaluation())
    assert estimates["class_impact/hit"] == Estimate(value=0)
    assert estimates["class_impact/uncorrected"] == Estimate(value=0)
    assert estimates["class_impact/published"] == Estimate(value=0)


def test_without_variance_the_published_test_is_undefined() -> None:
    labels_N, right, wrong = np.array([0, 0, 1, 1]), [[0, 0, 1, 1]] * 3, [[0, 0, 1, 0]] * 3
    assert np.isnan(published_test(np.array(right), np.array(wrong), labels_N, 3)).all()


def test_one_constant_population_beside_a_varying_one_raises_no_warning() -> None:
    labels_N, right = np.array([0, 0, 1, 1]), np.array([[0, 0, 1, 1]] * 3)
    found_C = published_test(right, np.array([[0, 0, 1, 1], [0, 2, 1, 1], [2, 2, 1, 1]]), labels_N, 2)
    assert 0 < found_C[0] < 1


def test_populations_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match="pruned models beside their dense parents"):
        class_impact(np.zeros((2, 4), int), np.zeros((1, 4), int), np.zeros(4, int), 2)


def cell_of(dense_KN: Integers, sparse_KN: Integers, labels_N: Integers, num_classes: int) -> CellView:
    dense, sparse = (Population({}, {"linear/prediction": each}) for each in (dense_KN, sparse_KN))
    return CellView("late", Decimal("0.9"), dense, sparse, labels_N, num_classes)


def test_the_metric_counts_classes_and_describes_every_number() -> None:
    dense_KN, sparse_KN, labels_N = predictions(1, num_models=12)
    found = class_impact(dense_KN, sparse_KN, labels_N, 5)
    estimates = METRIC.measure(cell_of(dense_KN, sparse_KN, labels_N, 5), Evaluation())
    assert set(estimates) == {column.name for column in METRIC.columns}
    assert estimates["class_impact/hit"].value == found.hits.sum() == 1
    drop = -np.nanmin(found.difference_KC.mean(axis=0))
    assert estimates["class_impact/largest_drop"].value == pytest.approx(drop)


def test_one_model_has_a_largest_drop_and_no_counts() -> None:
    dense_KN, sparse_KN, labels_N = predictions(2, num_models=1)
    estimates = METRIC.measure(cell_of(dense_KN, sparse_KN, labels_N, 4), Evaluation())
    assert estimates["class_impact/hit"] == Estimate(value=None)
    assert estimates["class_impact/largest_drop"].value is not None
