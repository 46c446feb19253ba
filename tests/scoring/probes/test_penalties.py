"""Probes at other penalties against cold fits of their own, and the scores that they give, from the formula."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.scoring.metric import GridView, Outcome, Population
from benchmark.scoring.probes.linear_probe import fit_linear_probe
from benchmark.scoring.probes.penalties import GRID_METRIC, METRIC, other_penalties
from benchmark.spec import Evaluation, LinearProbeSpec
from tests.scoring.probes.test_linear_probe import noisy_classes, view_of

EVALUATION = Evaluation(linear=LinearProbeSpec(l2=1e-3, tolerance=1e-7))
SPARSITIES = (Decimal("0.5"), Decimal("0.9"), Decimal("0.99"))


def test_a_probe_that_starts_from_another_one_ends_where_a_cold_one_does() -> None:
    features_MD, labels_M = noisy_classes(3)
    for l2 in other_penalties(1e-3).values():
        cold = fit_linear_probe(features_MD, labels_M, 3, l2, 1e-9)
        warm = fit_linear_probe(
            features_MD, labels_M, 3, l2, 1e-9, start=fit_linear_probe(features_MD, labels_M, 3, 1e-3, 1e-6)
        )
        difference_MC = warm.probabilities(features_MD) - cold.probabilities(features_MD)
        assert warm.converged
        assert np.abs(difference_MC).max() < 1e-6


def test_a_class_that_never_occurs_and_a_constant_feature_do_not_hinder_a_warm_start() -> None:
    features_MD, labels_M = noisy_classes(4)
    features_MD = np.column_stack([features_MD[:, :2], np.ones(len(features_MD), np.float32), features_MD[:, 2:]])
    first = fit_linear_probe(features_MD, labels_M * 2, 6, 1e-2, 1e-8)
    warm, cold = (fit_linear_probe(features_MD, labels_M * 2, 6, 1e-3, 1e-9, start=each) for each in (first, None))
    assert np.allclose(warm.probabilities(features_MD), cold.probabilities(features_MD), atol=1e-6)


def test_every_model_is_read_at_ten_times_and_a_tenth_of_the_penalty() -> None:
    features_MD, labels_M = noisy_classes(0, 400, 20, 4)
    train, test = slice(0, 100), slice(100, None)
    view = view_of(features_MD[train], labels_M[train], features_MD[test], labels_M[test], 4)
    found = METRIC.measure(view, EVALUATION, Outcome({}))
    assert list(found.values) == ["penalty/accuracy:0.01", "penalty/accuracy:0.0001"]
    for name, l2 in (("0.01", 1e-2), ("0.0001", 1e-4)):
        cold = fit_linear_probe(features_MD[train], labels_M[train], 4, l2, 1e-9)
        right = float((cold.predict(features_MD[test]) == labels_M[test]).mean())
        assert found.values[f"penalty/accuracy:{name}"] == pytest.approx(right, abs=1 / 300)
    assert not found.examples


def population(**accuracy: Sequence[float]) -> Population:
    names = {"big": "penalty/accuracy:0.01", "small": "penalty/accuracy:0.0001", "knn": "knn/accuracy"}
    return Population({names[name]: np.array(values) for name, values in accuracy.items()}, {})


def grid(**without: Any) -> GridView:
    """Two ranked schedules and a control, two models, two classes."""
    heights = {"early": 0.9, "late": 0.8, "random": 0.5}
    cells = {
        (schedule, sparsity): population(
            big=[height, height - 0.1], small=[0.75, 0.75], knn=[height - 0.1 * place, height - 0.1 * place]
        )
        for schedule, height in heights.items() for place, sparsity in enumerate(SPARSITIES)
    }  # fmt: skip
    labels_N: NDArray[np.int64] = np.zeros(4, np.int64)
    cells |= without.get("cells", {})
    return GridView(population(big=[1, 1]), cells, ("early", "late"), SPARSITIES, labels_N, 2)


def test_the_score_through_another_probe_is_the_area_under_its_own_accuracies() -> None:
    found = GRID_METRIC.measure(grid(), EVALUATION)
    assert found["penalty/score:0.01"].value == pytest.approx(0.6)  # mean of 2 * .85 - 1 and 2 * .75 - 1
    assert found["penalty/score:0.0001"].value == pytest.approx(0.5)
    x = [math.log2(1 / (1 - float(sparsity))) for sparsity in SPARSITIES]
    heights = [2 * (0.85 - 0.1 * place) - 1 for place in range(3)]  # the mean of both schedules
    area = sum((heights[i] + heights[i + 1]) / 2 * (x[i + 1] - x[i]) for i in range(2)) / (x[2] - x[0])
    assert found["knn/score"].value == pytest.approx(area)


def test_what_was_not_measured_has_no_score() -> None:
    without = {("late", SPARSITIES[1]): population(knn=[0.5, 0.5])}
    assert list(GRID_METRIC.measure(grid(cells=without), EVALUATION)) == ["knn/score"]
