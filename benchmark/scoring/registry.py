"""Every instrument of the benchmark, in the order they are read. A new metric is its module and a line here."""

from __future__ import annotations

from benchmark.scoring import linear_probe, pies, robustness, sparsity_audit
from benchmark.scoring.instrument import CellMetric, Column, GridMetric, ModelMetric

MODEL_METRICS: tuple[ModelMetric, ...] = (
    linear_probe.METRIC,
    sparsity_audit.METRIC,
)
CELL_METRICS: tuple[CellMetric, ...] = (pies.METRIC,)
GRID_METRICS: tuple[GridMetric, ...] = (robustness.METRIC,)


def all_columns() -> tuple[Column, ...]:
    """What every number of a record means."""
    return tuple(column for metric in (*MODEL_METRICS, *CELL_METRICS, *GRID_METRICS) for column in metric.columns)
