"""Areas per test image: their mean over images is the area of each run's own accuracies, from a naive oracle."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmark.scoring.areas import AREAS_SCHEMA, area_per_image, areas_by_run, areas_table, write_areas

SPARSITIES = [Decimal("0.5"), Decimal("0.9"), Decimal("0.98")]
CLASSES, IMAGES, SEEDS = 10, 445, (0, 1, 4)


def naive_area(accuracies: list[float], sparsities: list[Decimal], num_classes: int) -> float:
    """Trapezoids over log2 compression, one by one, from the formula in the documentation."""
    x = [math.log2(1 / (1 - float(s))) for s in sparsities]
    y = [(a - 1 / num_classes) / (1 - 1 / num_classes) for a in accuracies]
    if len(x) == 1:
        return y[0]
    return sum((y[j] + y[j + 1]) / 2 * (x[j + 1] - x[j]) for j in range(len(x) - 1)) / (x[-1] - x[0])


@pytest.fixture
def drawn() -> tuple[np.ndarray, dict[tuple[str, Decimal], dict[int, np.ndarray]]]:
    draws = np.random.default_rng(0)
    labels_N = draws.integers(0, CLASSES, IMAGES)
    cells = [("late", s) for s in SPARSITIES] + [("dense", Decimal(0))] + [("one-shot", s) for s in SPARSITIES]
    predictions = {
        cell: {
            seed: np.where(draws.random(IMAGES) < 0.6, labels_N, draws.integers(0, CLASSES, IMAGES)).astype(np.uint8)
            for seed in SEEDS
        }
        for cell in cells
    }
    return labels_N, predictions


def test_the_mean_over_images_is_the_area_of_every_run(
    drawn: tuple[np.ndarray, dict[tuple[str, Decimal], dict[int, np.ndarray]]], tmp_path: Path
) -> None:
    labels_N, predictions = drawn
    write_areas([areas_table("t", CLASSES, SPARSITIES, labels_N, predictions)], tmp_path / "areas.parquet")
    found = areas_by_run(pq.read_table(tmp_path / "areas.parquet"))
    assert [key[1:] for key in found] == [(s, k) for s in ("dense", "late", "one-shot") for k in SEEDS]
    for (_, schedule, seed), area_N in found.items():
        points = [Decimal(0)] if schedule == "dense" else SPARSITIES
        accuracies = [float((predictions[schedule, s][seed] == labels_N).mean()) for s in points]
        assert float(area_N.astype(np.float64).mean()) == pytest.approx(
            naive_area(accuracies, points, CLASSES), abs=1e-6
        )


def test_a_seed_that_lacks_a_sparsity_has_no_area_under_that_schedule(
    drawn: tuple[np.ndarray, dict[tuple[str, Decimal], dict[int, np.ndarray]]]
) -> None:
    labels_N, predictions = drawn
    del predictions["late", SPARSITIES[1]][4]
    found = areas_by_run(areas_table("t", CLASSES, SPARSITIES, labels_N, predictions))
    assert ("t", "late", 4) not in found
    assert {("t", "late", 0), ("t", "one-shot", 4), ("t", "dense", 4)} <= found.keys()


def test_an_evaluation_without_any_finished_run_has_an_empty_table(tmp_path: Path) -> None:
    write_areas([areas_table("t", CLASSES, SPARSITIES, np.zeros(0, np.int64), {})], tmp_path / "areas.parquet")
    assert areas_by_run(pq.read_table(tmp_path / "areas.parquet")) == {}


def test_always_right_is_1_and_never_right_the_lowest_possible_score() -> None:
    right, wrong = np.ones((2, 3), bool), np.zeros((2, 3), bool)
    assert (area_per_image([right] * 3, SPARSITIES, CLASSES) == 1).all()
    assert area_per_image([wrong] * 3, SPARSITIES, CLASSES) == pytest.approx(-1 / 9)


def _row(*rows: tuple[str, str, int, list[float]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(AREAS_SCHEMA.names, row, strict=True)) for row in rows], AREAS_SCHEMA)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"task": ["t"]}),
        _row(("t", "late", 0, [1.0]), ("t", "late", 0, [1.0])),
        _row(("t", "late", 0, [])),
        _row(("t", "late", 0, [math.nan])),
    ],
    ids=["columns", "twice", "no image", "not finite"],
)
def test_what_is_no_table_of_areas_is_refused(table: pa.Table) -> None:
    with pytest.raises(ValueError, match="areas: expected"):
        areas_by_run(table)
