"""Numbers of a record computed again from the outcomes beside it, by the metrics that the scorer uses.

It owns which numbers outcomes determine. It trains nothing, reads no weights and refuses to guess: what the outcomes of
a run do not determine is taken as the record says it, averaged again from its runs, and named as the signer's word.

Shapes: K models of a cell, N test examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from benchmark.scoring.aggregate import (
    areas_of_task,
    average_over_tasks,
    floor_estimates,
    grid_summary,
    score_cells,
    stack,
)
from benchmark.scoring.areas import AreaKey, Areas, Cell, areas_by_run
from benchmark.scoring.floors import Floors, floors_from_areas
from benchmark.scoring.metric import Estimate, Labels, ModelView, Outcome
from benchmark.scoring.metric_names import (
    CORRUPTION_CORRECT,
    DEPTH_TO_LABEL,
    DEPTH_TO_PREDICTION,
    PROBE_ACCURACY,
    PROBE_CONFIDENCE,
    PROBE_PREDICTION,
    Q_SCORE_2022,
    Q_SCORE_2024,
)
from benchmark.scoring.metrics import calibration, q_score
from benchmark.scoring.scoring_job import ScoredCell, TaskToScore
from benchmark.spec import BenchmarkSpec

KNN_PREDICTION = "knn/prediction"
RUN_COLUMNS = ("task", "schedule", "sparsity", "seed")

RunKey = tuple[str, str, Decimal, int]
"""Task, schedule, sparsity, seed."""

CellKey = tuple[str, str, Decimal]

Values = Mapping[str, float | None]
Examples = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Recomputed:
    """The numbers of a record as its outcomes give them.

    Attributes:
        runs: per run, the numbers that its outcomes determine.
        cells: per cell, all numbers.
        summary: of the whole submission; empty where a run is missing.
        words: names of the numbers of single models that outcomes do not determine: averaged again, never measured.
        areas: per task, schedule and seed, the area under the curve of every test image.
        floor: accuracies of untrained encoders, named as in a record; empty where no areas speak of them.
    """

    runs: Mapping[RunKey, Mapping[str, float]]
    cells: Mapping[CellKey, Mapping[str, Estimate]]
    summary: Mapping[str, Estimate]
    words: frozenset[str]
    areas: Mapping[AreaKey, Areas] = field(default_factory=dict[AreaKey, Areas])
    floor: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])


@dataclass
class _Task:
    """What is known of one task while it is computed again."""

    labels_N: Labels
    outcomes: dict[Cell, dict[int, Outcome]] = field(default_factory=dict[Cell, dict[int, Outcome]])


def recompute(
    spec: BenchmarkSpec, num_classes: Mapping[str, int], table: pa.Table, said: Mapping[RunKey, Values],
    said_areas: Mapping[AreaKey, Areas] | None = None,
) -> Recomputed:  # fmt: skip
    """Compute the numbers of an evaluation again.

    Args:
        spec: what was evaluated.
        num_classes: per task, C.
        table: the outcomes, one row per run and test example.
        said: per finished run, the numbers that the record gives.
        said_areas: the areas beside the record, for what they say of untrained encoders; None where there are none.

    Raises:
        ValueError: the outcomes are not those of these runs, or not such as a scorer writes.
    """
    runs: dict[RunKey, Mapping[str, float]] = {}
    tasks: dict[str, _Task] = {}
    for key, labels_N, examples in _runs_of(table):
        task, schedule, sparsity, seed = key
        if key not in said:
            raise ValueError(f"outcomes: expected runs of the record, got {_shown(key)}")
        mine = tasks.setdefault(task, _Task(labels_N))
        if not np.array_equal(mine.labels_N, labels_N):
            raise ValueError(f"outcomes: expected the same labels for all runs of {task}, got others: {_shown(key)}")
        _check_classes(key, num_classes[task], labels_N, examples)
        runs[key] = determined(spec, labels_N, examples)
        values = {name: math.nan if value is None else value for name, value in said[key].items()} | dict(runs[key])
        mine.outcomes.setdefault((schedule, sparsity), {})[seed] = Outcome(values, examples)
    if missing := said.keys() - runs.keys():
        raise ValueError(f"outcomes: expected all finished runs, got none of {_shown(min(missing))}")
    known = {name for found in runs.values() for name in found}
    words = {name for values in said.values() for name in values} - known
    floors = {name: floors_from_areas(spec, name, said_areas or {}) for name in tasks}
    cells, summary = _aggregate(spec, num_classes, tasks, floors)
    tables = [
        areas_of_task(spec, name, num_classes[name], mine.labels_N, mine.outcomes) for name, mine in tasks.items()
    ]
    areas = areas_by_run(pa.concat_tables(tables)) if tables else {}
    floor = {key: each for name in tasks for key, each in floor_estimates(spec, name, floors[name]).items()}
    return Recomputed(runs, cells, summary, frozenset(words), areas, floor)


def determined(spec: BenchmarkSpec, labels_N: Labels, examples: Examples) -> dict[str, float]:
    """Return the numbers of one model that its outcomes determine, as far as it has them."""
    correct_N = examples[PROBE_PREDICTION] == labels_N
    found = {PROBE_ACCURACY: float(correct_N.mean()), **q_score.summarise(examples, correct_N)}
    if KNN_PREDICTION in examples:
        found["knn/accuracy"] = float((examples[KNN_PREDICTION] == labels_N).mean())
    if PROBE_CONFIDENCE in examples:
        view = _view_of_labels(labels_N)
        found |= dict(calibration.METRIC.measure(view, spec.evaluation, Outcome({}, examples)).values)
    for name, mean in _MEANS.items():
        if name in examples:
            found |= mean(examples[name].astype(np.float64))
    return found


_MEANS: Mapping[str, Callable[[NDArray[np.float64]], dict[str, float]]] = {
    DEPTH_TO_PREDICTION: lambda depth_N: {"depth/pred_mean": float(depth_N.mean())},
    DEPTH_TO_LABEL: lambda depth_N: {"depth/true_mean": float(depth_N.mean())},
    CORRUPTION_CORRECT: lambda share_N: {"corruption/mean_error": 100 * (1 - float(share_N.mean()))},
}
"""By column of the outcomes, the means over test examples that runs report."""


DETERMINED_BY: Mapping[str, tuple[str, ...]] = {
    KNN_PREDICTION: ("knn/accuracy",),
    PROBE_CONFIDENCE: ("calibration/error", "calibration/overconfidence"),
    Q_SCORE_2022: ("q_score_2022/mean", "q_score_2022/auroc", "q_score_2022/undefined"),
    Q_SCORE_2024: ("q_score_2024/mean", "q_score_2024/auroc"),
    DEPTH_TO_PREDICTION: ("depth/pred_mean",),
    DEPTH_TO_LABEL: ("depth/true_mean",),
    CORRUPTION_CORRECT: ("corruption/mean_error",),
}
"""By column that outcomes can lack, the numbers of a run that it determines."""


def _view_of_labels(labels_N: Labels) -> ModelView:
    """Return a view for metrics that need nothing but the labels and earlier outcomes."""

    def refuse(*_: object) -> Any:
        raise ValueError("a metric asked for features, which outcomes do not hold")

    return ModelView(
        train={}, test={}, train_labels=labels_N[:0], test_labels=labels_N, num_classes=0, weights={}, prunable=(),
        test_images=np.empty((0, 1, 1, 1), np.uint8), encode_test=refuse, dense_test=refuse, other_dense_test=refuse,
    )  # fmt: skip


def _runs_of(table: pa.Table) -> Iterator[tuple[RunKey, Labels, dict[str, NDArray[Any]]]]:
    """Yield every run with its labels and per-example arrays, in the order of its examples.

    Raises:
        ValueError: a column is missing, or a run has not every example exactly once.
    """
    if absent := {*RUN_COLUMNS, "example", "label", PROBE_PREDICTION} - set(table.column_names):
        raise ValueError(f"outcomes: expected the columns that a scorer writes, got none of {', '.join(absent)}")
    names = [name for name in table.column_names if name not in (*RUN_COLUMNS, "example", "label")]
    rows = table.select(list(RUN_COLUMNS)).to_pandas().groupby(list(RUN_COLUMNS), observed=True, sort=False).indices
    for found, positions in cast("Mapping[tuple[Any, ...], NDArray[np.intp]]", rows).items():
        task, schedule, sparsity, seed = found
        key = str(task), str(schedule), Decimal(repr(float(sparsity))), int(seed)
        mine = table.take(pa.array(positions)).sort_by("example")
        if not np.array_equal(mine["example"].to_numpy(), np.arange(len(mine))):
            raise ValueError(f"outcomes: expected every test example once, got others: {_shown(key)}")
        arrays = {name: mine[name].to_numpy() for name in names if mine[name].null_count == 0}
        if PROBE_PREDICTION not in arrays:
            raise ValueError(f"outcomes: expected a prediction for every example, got gaps: {_shown(key)}")
        yield key, pc.cast(mine["label"], pa.int64()).to_numpy(), arrays


def _check_classes(key: RunKey, num_classes: int, labels_N: Labels, examples: Examples) -> None:
    for name, array_N in (("label", labels_N), (PROBE_PREDICTION, examples[PROBE_PREDICTION])):
        if array_N.dtype.kind not in "iu" or not ((array_N >= 0) & (array_N < num_classes)).all():
            raise ValueError(f"outcomes: {name}: expected classes below {num_classes}, got others: {_shown(key)}")


def _aggregate(
    spec: BenchmarkSpec, num_classes: Mapping[str, int], tasks: Mapping[str, _Task], floors: Mapping[str, Floors]
) -> tuple[dict[CellKey, Mapping[str, Estimate]], dict[str, Estimate]]:
    cells: dict[CellKey, Mapping[str, Estimate]] = {}
    summaries: list[Mapping[str, Estimate]] = []
    for index, (name, mine) in enumerate(tasks.items()):
        task = _task_of(name, index, num_classes[name])
        populations = {cell: stack(_common(own)) for cell, own in mine.outcomes.items()}
        outcomes = {cell: _common(own) for cell, own in mine.outcomes.items()}
        scored: list[ScoredCell] = score_cells(
            spec.evaluation, task, mine.labels_N, outcomes, populations, floors[name]
        )
        cells |= {(each.task, each.schedule, each.sparsity): each.metrics for each in scored}
        if summary := grid_summary(spec, task, mine.labels_N, populations, scored, floors[name]):
            summaries.append(summary)
    return cells, average_over_tasks(summaries) if len(summaries) == len(spec.tasks) else {}


def _task_of(name: str, index: int, num_classes: int) -> TaskToScore:
    nowhere = Path()
    return TaskToScore(
        name=name, index=index, num_classes=num_classes, train_file=nowhere, test_file=nowhere, train_digest="",
        test_digest="", runs=(),
    )  # fmt: skip


def _common(own: Mapping[int, Outcome]) -> dict[int, Outcome]:
    """Keep the numbers and arrays that every model of a cell has."""
    values = set.intersection(*(set(each.values) for each in own.values()))
    arrays = set.intersection(*(set(each.examples) for each in own.values()))
    return {
        seed: Outcome(
            {name: value for name, value in each.values.items() if name in values},
            {name: array for name, array in each.examples.items() if name in arrays},
        )
        for seed, each in own.items()
    }


def _shown(key: RunKey) -> str:
    task, schedule, sparsity, seed = key
    return f"{task} {schedule} {sparsity} seed {seed}"
