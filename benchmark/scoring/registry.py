"""Every metric of the benchmark, in the order in which they are measured. A new metric is a module and a line here."""

from __future__ import annotations

from benchmark.scoring.metric import CellMetric, Column, GridMetric, ModelMetric
from benchmark.scoring.metrics import (
    calibration,
    class_impact,
    corruption,
    geometry,
    knowledge,
    label_change,
    pies,
    prediction_depth,
    prune_potential,
    q_score,
    robustness,
    similarity,
    sparsity_audit,
)
from benchmark.scoring.probes import knn, linear_probe, penalties, transfer

MODEL_METRICS: tuple[ModelMetric, ...] = (
    linear_probe.METRIC,
    penalties.METRIC,
    sparsity_audit.METRIC,
    knn.METRIC,
    q_score.METRIC,
    prediction_depth.METRIC,
    calibration.METRIC,
    geometry.METRIC,
    similarity.METRIC,
    corruption.METRIC,
    transfer.METRIC,
)
"""Read from one model. The linear probe comes first: other metrics read its predictions."""

CELL_METRICS: tuple[CellMetric, ...] = (
    pies.METRIC,
    q_score.CELL_METRIC,
    prediction_depth.CELL_METRIC,
    class_impact.METRIC,
    label_change.METRIC,
    corruption.CELL_METRIC,
    knowledge.METRIC,
)
GRID_METRICS: tuple[GridMetric, ...] = (
    robustness.METRIC, penalties.GRID_METRIC, label_change.PIE_OVERLAP, prune_potential.METRIC,
)  # fmt: skip


def all_columns() -> tuple[Column, ...]:
    """What every number of a record means."""
    return tuple(column for metric in (*MODEL_METRICS, *CELL_METRICS, *GRID_METRICS) for column in metric.columns)


def metric_versions() -> dict[str, str]:
    """Return the version of every metric by name; with `cell/` or `grid/` in front where it is of those.

    One name may stand for a metric of models and for one of cells.
    """
    versions = {metric.name: str(metric.version) for metric in MODEL_METRICS}
    versions |= {f"cell/{metric.name}": str(metric.version) for metric in CELL_METRICS}
    return versions | {f"grid/{metric.name}": str(metric.version) for metric in GRID_METRICS}
