"""Knowledge kept: measured from untrained encoders, undefined where nothing was learned, exact on known accuracies."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.scoring.metric import CellFloor, CellView, GridView, Population
from benchmark.scoring.metric_names import ABOVE_FLOOR, KNOWLEDGE_KEPT, PROBE_PREDICTION
from benchmark.scoring.metrics import robustness
from benchmark.scoring.metrics.knowledge import METRIC, knowledge_kept
from benchmark.scoring.score_math import area_over_compression
from benchmark.spec import Evaluation

EVALUATION = Evaluation()
SPARSITIES = (Decimal("0.5"), Decimal("0.9"), Decimal("0.98"))
CLASSES, MODELS, IMAGES = 10, 6, 400


def _draw(accuracy: float, draws: np.random.Generator, labels_N: NDArray[np.int64]) -> Population:
    right_KN = draws.random((MODELS, IMAGES)) < accuracy
    return Population({}, {PROBE_PREDICTION: np.where(right_KN, labels_N, (labels_N + 1) % CLASSES)})


def _accuracy(population: Population, labels_N: NDArray[np.int64]) -> NDArray[np.float64]:
    return (population.examples[PROBE_PREDICTION] == labels_N).mean(axis=1)


@pytest.fixture
def grid() -> GridView:
    draws = np.random.default_rng(3)
    labels_N = draws.integers(0, CLASSES, IMAGES)
    cells = {
        (schedule, sparsity): _draw(0.9 - 0.3 * float(sparsity), draws, labels_N)
        for schedule in ("early", "late") for sparsity in SPARSITIES
    }  # fmt: skip
    floor_KN = draws.random((MODELS, IMAGES)) < 0.45
    dense = _draw(0.9, draws, labels_N)
    return GridView(dense, cells, ("early", "late"), SPARSITIES, labels_N, CLASSES, floor_KN)


def test_the_number_of_a_submission_is_the_ratio_of_what_is_left_to_what_was_learned(grid: GridView) -> None:
    """Recomputed from plain accuracies: correcting for chance cancels in the ratio."""
    curves = [
        [_accuracy(grid.cells[name, sparsity], grid.test_labels).mean() for sparsity in SPARSITIES]
        for name in ("early", "late")
    ]
    areas = [float(area_over_compression(SPARSITIES, curve)) for curve in curves]
    floor, dense = float(np.mean(np.asarray(grid.floor_KN))), float(_accuracy(grid.dense, grid.test_labels).mean())
    found = robustness.METRIC.measure(grid, EVALUATION)["robustness/knowledge_kept"]
    assert found.value == pytest.approx((np.mean(areas) - floor) / (dense - floor), abs=1e-9)
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert found.low < found.value < found.high


def test_without_untrained_encoders_there_is_no_number_and_all_others_stay(grid: GridView) -> None:
    bare = GridView(grid.dense, grid.cells, grid.ranked_schedules, SPARSITIES, grid.test_labels, CLASSES)
    with_floor, without = (robustness.METRIC.measure(each, EVALUATION) for each in (grid, bare))
    assert "robustness/knowledge_kept" not in without
    assert {name: each for name, each in with_floor.items() if name != "robustness/knowledge_kept"} == without


def test_dense_models_that_know_no_more_than_untrained_ones_have_no_number_though_retention_is_near_1() -> None:
    draws = np.random.default_rng(4)
    labels_N = draws.integers(0, CLASSES, IMAGES)
    dense = _draw(0.45, draws, labels_N)
    cells = {("late", sparsity): _draw(0.445, draws, labels_N) for sparsity in SPARSITIES}
    floor_KN = draws.random((MODELS, IMAGES)) < 0.45
    found = robustness.METRIC.measure(
        GridView(dense, cells, ("late",), SPARSITIES, labels_N, CLASSES, floor_KN), EVALUATION
    )
    assert found["robustness/retention"].value == pytest.approx(1, abs=0.1)
    assert found["robustness/knowledge_kept"].value is None


def test_a_cell_is_compared_with_untrained_encoders_as_they_are_and_pruned_alike(grid: GridView) -> None:
    sparse = grid.cells["late", Decimal("0.98")]
    floor = CellFloor(np.linspace(0.4, 0.5, MODELS), np.linspace(0.1, 0.3, MODELS))
    view = CellView("late", Decimal("0.98"), grid.dense, sparse, grid.test_labels, CLASSES, floor)
    found = METRIC.measure(view, EVALUATION)
    pruned, dense = (_accuracy(each, grid.test_labels).mean() for each in (sparse, grid.dense))
    assert found[KNOWLEDGE_KEPT].value == pytest.approx((pruned - 0.45) / (dense - 0.45))
    assert found[ABOVE_FLOOR].value == pytest.approx(100 * (pruned - 0.2))
    assert METRIC.measure(CellView("late", Decimal("0.98"), grid.dense, sparse, grid.test_labels, 10), EVALUATION) == {}


def test_a_model_that_falls_below_untrained_keeps_less_than_nothing() -> None:
    kept = knowledge_kept(np.array([0.3, 0.32]), np.array([0.80, 0.81]), np.array([0.5, 0.5]), 0.95)
    assert kept.value == pytest.approx(-0.19 / 0.305)
