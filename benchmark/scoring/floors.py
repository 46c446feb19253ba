"""What untrained encoders know: who got which test image right, dense and pruned alike, through the same probe.

It owns how these outcomes are named, and what is pruned alike: the same share of weights, by the same criterion and
allocation, at once. When a schedule prunes changes nothing of weights that are never trained, so that schedules with
the same criterion and allocation share a floor.

Shapes: N test images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmark.plan.plan import DENSE
from benchmark.scoring.areas import DENSE_SPARSITY, AreaKey, Areas, Cell, area_per_image, table_of
from benchmark.spec import BenchmarkSpec

FLOOR_PREFIX = "floor/"
"""Begins the schedule of a row of areas that belongs to untrained encoders; no schedule may have a `/` in its name."""

Correct = NDArray[np.bool_]
Floors = Mapping[Cell, Mapping[int, Correct]]
"""Per schedule and sparsity (`dense` at 0), and per seed: whether each test image is classified correctly, (N,)."""


@dataclass(frozen=True)
class Pruning:
    """How an untrained encoder is pruned, at once; sparsity 0 leaves it dense."""

    criterion: str
    allocation: str
    sparsity: Decimal

    @property
    def row(self) -> str:
        """Name of its rows in the table of areas."""
        if not self.sparsity:
            return f"{FLOOR_PREFIX}{DENSE}"
        return f"{FLOOR_PREFIX}{self.criterion}/{self.allocation}/{self.sparsity}"


UNPRUNED = Pruning("magnitude", "global", DENSE_SPARSITY)


def prunings(spec: BenchmarkSpec) -> dict[Cell, Pruning]:
    """Return how untrained encoders are pruned for every cell of the grid, the dense one first."""
    pruned = {
        (schedule.name, sparsity): Pruning(schedule.criterion, schedule.allocation, sparsity)
        for schedule in spec.schedules for sparsity in spec.sparsities
    }  # fmt: skip
    return {(DENSE, DENSE_SPARSITY): UNPRUNED, **pruned}


def floors_table(
    task: str, num_classes: int, correct: Mapping[Pruning, Mapping[int, Correct]]
) -> pa.Table:
    """Return one row of areas per pruning and seed; the area over one sparsity is chance-corrected correctness."""
    rows = [
        (task, pruning.row, seed, area_per_image([correct_N], [pruning.sparsity], num_classes))
        for pruning, by_seed in correct.items() for seed, correct_N in sorted(by_seed.items())
    ]  # fmt: skip
    return table_of(rows)


def floors_from_areas(spec: BenchmarkSpec, task: str, areas: Mapping[AreaKey, Areas]) -> Floors:
    """Read the floors of a task back from its areas; a cell without any is left out."""
    by_row: dict[str, dict[int, Correct]] = {}
    for (of, row, seed), area_N in areas.items():
        if of == task and row.startswith(FLOOR_PREFIX):
            by_row.setdefault(row, {})[seed] = area_N > 0  # 1 where right, below 0 where wrong
    return {cell: by_row[each.row] for cell, each in prunings(spec).items() if each.row in by_row}


def accuracies(by_seed: Mapping[int, Correct], seeds: Iterable[int]) -> NDArray[np.float64]:
    """Return the accuracy of untrained encoders, one per seed in that order, float64 (K,)."""
    return np.array([by_seed[seed].mean() for seed in seeds], np.float64)
