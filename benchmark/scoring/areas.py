"""The area under a model's curve, per test image: what inference over models and images needs of an evaluation.

It owns the table that is kept beside a record as `.areas.parquet`, so that a board need not read outcomes. It knows no
intervals and no record.

With `a_ij = (1[image i is right at sparsity s_j] - 1/C) / (1 - 1/C)` and the weights `w_j` of `compression_weights`,
the area of image i is `sum_j w_j a_ij`. Its mean over test images is the area of that model under that schedule, and
the mean of that over models the robustness score of the schedule. For the dense models the one weight is 1.

Shapes: J sparsities, K models, N test images, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmark.plan.plan import DENSE
from benchmark.scoring.score_math import chance_corrected, compression_weights

Areas = NDArray[np.float32]

DENSE_SPARSITY = Decimal(0)
"""Of the unpruned models."""

AREAS_SCHEMA = pa.schema(
    [("task", pa.string()), ("schedule", pa.string()), ("seed", pa.int32()), ("area", pa.list_(pa.float32()))]
)

Cell = tuple[str, Decimal]
"""Schedule, sparsity."""

AreaKey = tuple[str, str, int]
"""Task, schedule, seed."""

Predictions = Mapping[Cell, Mapping[int, NDArray[Any]]]
"""Per schedule and sparsity, and per seed, the classes that a model predicts, integer (N,)."""


def area_per_image(
    correct: Iterable[NDArray[np.bool_]], sparsities: Sequence[Decimal] | Sequence[float], num_classes: int
) -> Areas:
    """Return the chance-corrected area over log2 compression of who got which image right.

    Args:
        correct: J arrays of one shape, one per sparsity: whether a prediction is right.
        sparsities: (J,), strictly increasing, in [0, 1).
        num_classes: C, at least 2.

    Returns:
        float32 of the shape of one of the arrays, in [-1 / (C - 1), 1].

    Raises:
        ValueError: if the sparsities do not increase, or their number is not J.

    Example:
        >>> right = [np.array([True, True]), np.array([True, False]), np.array([True, False])]
        >>> area_per_image(right, [0.5, 0.75, 0.875], num_classes=2).tolist()
        [1.0, -0.5]
    """
    weights_J = compression_weights(sparsities)
    share = sum(weight * right for weight, right in zip(weights_J, correct, strict=True))
    return chance_corrected(np.asarray(share, np.float64), 1 / num_classes).astype(np.float32)


def areas_table(
    task: str, num_classes: int, sparsities: Sequence[Decimal], labels_N: NDArray[np.int64], predictions: Predictions
) -> pa.Table:
    """Return one row per schedule and seed of a task whose runs all have predictions, dense models first.

    Args:
        task: its name.
        num_classes: C.
        sparsities: the pruned sparsities of the specification, increasing.
        labels_N: int64 (N,), true classes.
        predictions: of every finished run; a seed that lacks a sparsity has no row under that schedule.
    """
    rows: list[tuple[str, str, int, Areas]] = []
    schedules = dict.fromkeys([DENSE, *(schedule for schedule, _ in predictions)])
    for schedule in schedules:
        points = [DENSE_SPARSITY] if schedule == DENSE else list(sparsities)
        cells = [predictions.get((schedule, sparsity), {}) for sparsity in points]
        for seed in sorted(set.intersection(*(set(cell) for cell in cells))):
            area_N = area_per_image((cell[seed] == labels_N for cell in cells), points, num_classes)
            rows.append((task, schedule, seed, area_N))
    return table_of(rows)


def table_of(rows: Sequence[tuple[str, str, int, Areas]]) -> pa.Table:
    """Return the table of rows of task, schedule, seed and areas, float32 (N,)."""
    columns: list[Any] = list(zip(*rows, strict=True)) or [()] * len(AREAS_SCHEMA)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, AREAS_SCHEMA.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=AREAS_SCHEMA)


def write_areas(tables: Sequence[pa.Table], target: Path | BinaryIO) -> None:
    """Write the tables of all tasks; areas take at most 2^J values, so that a dictionary keeps them small."""
    table = pa.concat_tables([AREAS_SCHEMA.empty_table(), *tables])
    pq.write_table(table, target, compression="zstd", compression_level=9, use_dictionary=True)


def areas_by_run(table: pa.Table) -> dict[AreaKey, Areas]:
    """Return the areas per task, schedule and seed, float32 (N,), in the order of the table.

    Raises:
        ValueError: it is not a table of areas: other columns, a run twice, gaps, or numbers that are not finite.
    """
    if table.column_names != AREAS_SCHEMA.names:
        raise ValueError(f"areas: expected the columns {', '.join(AREAS_SCHEMA.names)}, got {table.column_names}")
    keys = zip(*(table[name].to_pylist() for name in AREAS_SCHEMA.names[:3]), strict=True)
    lists = (each.values for each in table["area"])
    found: dict[AreaKey, Areas] = {}
    for key, values in zip(keys, lists, strict=True):
        area_N = np.asarray([] if values is None else values.to_numpy(zero_copy_only=False), np.float32)
        if key in found or not len(area_N) or not np.isfinite(area_N).all():
            raise ValueError(f"areas: expected every run once, with a finite number per test image, got others: {key}")
        found[key] = area_N
    return found
