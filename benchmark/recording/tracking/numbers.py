"""The numbers of a record as MLflow shows them: a few on the parent run, a model's on its run, all others in tables.

Pure; imports no MLflow.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as arrow_csv

from benchmark.recording.record import EvaluationRecord, RunRecord
from benchmark.scoring.metric import Estimate
from benchmark.scoring.metric_names import (
    EXCESS_PIE,
    PROBE_ACCURACY,
    ROBUSTNESS_DENSE,
    ROBUSTNESS_KNOWLEDGE_KEPT,
    ROBUSTNESS_RETENTION,
    ROBUSTNESS_SCORE,
)

_HEADLINES = (
    ROBUSTNESS_SCORE, ROBUSTNESS_DENSE, ROBUSTNESS_RETENTION, ROBUSTNESS_KNOWLEDGE_KEPT, f"pruned:{EXCESS_PIE}",
)  # fmt: skip
"""Numbers of a whole submission that its parent run shows; all others are in the tables beside it."""


@dataclass(frozen=True)
class Point:
    """One value of a metric: its key, when it was measured (milliseconds since 1970), and its step."""

    key: str
    value: float
    time_ms: int
    step: int


def parent_points(record: EvaluationRecord, now_ms: int) -> tuple[Point, ...]:
    """Return the headlines, the interval of the score, and accuracy over sparsity for every task and schedule."""
    return _distinct(_of_parent(record, now_ms))


def child_points(run: RunRecord, now_ms: int, step: int) -> tuple[Point, ...]:
    """Return every number of a run, and its training loss over epochs."""
    return _distinct(_of_child(run, now_ms, step))


def _of_parent(record: EvaluationRecord, now_ms: int) -> Iterator[Point]:
    step_at = steps_of(record)
    for name in _HEADLINES:
        estimate = record.summary.get(name, Estimate(value=None))
        bounds = {"/low": estimate.low, "/high": estimate.high} if name == ROBUSTNESS_SCORE else {}
        for suffix, value in {"": estimate.value, **bounds}.items():
            if value is not None:
                yield Point(_key(f"{name}{suffix}"), value, now_ms, 0)
    for cell in record.cells:
        value = cell.metrics.get(PROBE_ACCURACY, Estimate(value=None)).value
        if value is not None:
            yield Point(_key(f"{cell.task}/{cell.schedule}/{PROBE_ACCURACY}"), value, now_ms, step_at[cell.sparsity])


def _of_child(run: RunRecord, now_ms: int, step: int) -> Iterator[Point]:
    for name, value in run.metrics.items():
        if value is not None:
            yield Point(_key(name), value, now_ms, step)
    for epoch, loss in run.loss_curve:
        yield Point("train/loss", loss, now_ms, epoch)


def _distinct(points: Iterable[Point]) -> tuple[Point, ...]:
    """Leave out repetitions, which MLflow's database refuses."""
    return tuple(dict.fromkeys(points))


def sparsity_steps(sparsities: Iterable[float]) -> dict[float, int]:
    """Give every sparsity of a record a step of its own, in their order, for MLflow knows whole steps only.

    The step is the sparsity in percent as long as no two sparsities meet there, which is what `digits` and most other
    specifications have. Else the whole record counts in tenths of a percent, or smaller parts, until none meet: one
    axis has one unit.

    >>> sparsity_steps([0.0, 0.5, 0.98])
    {0.0: 0, 0.5: 50, 0.98: 98}
    >>> sparsity_steps([0.98, 0.99, 0.995, 0.999])
    {0.98: 980, 0.99: 990, 0.995: 995, 0.999: 999}
    """
    different = sorted(set(sparsities))
    for parts in (10**digits for digits in range(2, 18)):
        steps = {sparsity: round(parts * sparsity) for sparsity in different}
        if len(set(steps.values())) == len(different):
            return steps
    return {sparsity: place for place, sparsity in enumerate(different)}


def steps_of(record: EvaluationRecord) -> dict[float, int]:
    """Return the step of every sparsity of a record."""
    return sparsity_steps([part.sparsity for part in (*record.cells, *record.runs)])


def _key(name: str) -> str:
    """Spell a name with what MLflow allows in a key."""
    return re.sub(r"[^\w./ -]", "-", name.replace(":", "/"))


def summary_table(record: EvaluationRecord) -> str:
    """Return the numbers of the whole submission as CSV, a row each."""
    rows = ((name, e.value, e.low, e.high) for name, e in record.summary.items())
    return _csv(("number", "value", "low", "high"), rows)


def cell_table(record: EvaluationRecord) -> str:
    """Return the numbers of all cells as CSV, a row each."""
    rows = (
        (cell.task, cell.schedule, cell.sparsity, cell.num_models, name, e.value, e.low, e.high)
        for cell in record.cells
        for name, e in cell.metrics.items()
    )
    return _csv(("task", "schedule", "sparsity", "models", "number", "value", "low", "high"), rows)


def _csv(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    columns = list(zip(*rows, strict=True)) or [()] * len(head)
    text = io.BytesIO()
    arrow_csv.write_csv(  # ten times as fast as Python's own writer
        pa.table(dict(zip(head, map(list, columns), strict=True))), text, arrow_csv.WriteOptions(quoting_style="needed")
    )
    return text.getvalue().decode()
