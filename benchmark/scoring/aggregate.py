"""From outcomes of single models to numbers of populations: cells beside their dense one, and the whole grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmark.plan.plan import DENSE
from benchmark.scoring.areas import Cell, areas_table
from benchmark.scoring.floors import Floors, accuracies
from benchmark.scoring.metric import CellFloor, CellView, Estimate, GridView, Labels, Outcome, Population, within
from benchmark.scoring.metric_names import PROBE_ACCURACY, PROBE_PREDICTION
from benchmark.scoring.registry import CELL_METRICS, GRID_METRICS
from benchmark.scoring.scoring_job import ScoredCell, TaskToScore
from benchmark.spec import BenchmarkSpec, Evaluation

DENSE_CELL: Cell = (DENSE, Decimal(0))

BySeed = Mapping[int, Outcome]
"""The outcomes of one cell."""


def stack(outcomes: BySeed) -> Population:
    """Stack the outcomes of a cell in the order of their seeds."""
    ordered = [outcomes[seed] for seed in sorted(outcomes)]
    values = {name: np.array([each.values[name] for each in ordered]) for name in ordered[0].values}
    examples = {name: np.stack([each.examples[name] for each in ordered]) for name in ordered[0].examples}
    return Population(values, examples)


def areas_of_task(
    spec: BenchmarkSpec, task: str, num_classes: int, labels_N: Labels, outcomes: Mapping[Cell, BySeed]
) -> pa.Table:
    """Return the table of areas per test image (see `areas`) from what every model of a task predicts."""
    predictions = {
        cell: {seed: outcome.examples[PROBE_PREDICTION] for seed, outcome in own.items()}
        for cell, own in outcomes.items()
    }  # fmt: skip
    return areas_table(task, num_classes, spec.sparsities, labels_N, predictions)


def score_cells(
    evaluation: Evaluation, task: TaskToScore, labels_N: Labels, outcomes: Mapping[Cell, BySeed],
    populations: Mapping[Cell, Population], floors: Floors | None = None,
) -> list[ScoredCell]:  # fmt: skip
    """Average every number of every cell over its models, and compare it with the dense models of the same seeds.

    Args:
        evaluation: settings of the metrics.
        task: what the cells belong to.
        labels_N: int64 (N,), labels of its test examples.
        outcomes: per cell and seed, what was read from one model.
        populations: the same, stacked per cell.
        floors: what untrained encoders know; None where they were not read.
    """
    confidence = evaluation.bootstrap.confidence
    cells: list[ScoredCell] = []
    for (schedule, sparsity), population in populations.items():
        own = outcomes[schedule, sparsity]
        metrics = {name: Estimate.over_models(values_K, confidence) for name, values_K in population.values.items()}
        parent = _dense_of(own, outcomes, populations)
        if schedule != DENSE and parent is not None:
            floor = _floor((schedule, sparsity), own, floors)
            view = CellView(schedule, sparsity, parent, population, labels_N, task.num_classes, floor)
            for metric in CELL_METRICS:
                metrics |= metric.measure(view, evaluation)
        metrics = {name: within(name, each, len(own)) for name, each in metrics.items()}
        cells.append(
            ScoredCell(task=task.name, schedule=schedule, sparsity=sparsity, num_models=len(own), metrics=metrics)
        )
    return cells


def _floor(cell: Cell, own: BySeed, floors: Floors | None) -> CellFloor | None:
    """Return what untrained encoders of a cell's seeds know; None where one of them was not read."""
    found = [] if floors is None else [floors.get(each, {}) for each in (DENSE_CELL, cell)]
    if not found or not all(own.keys() <= by_seed.keys() for by_seed in found):
        return None
    return CellFloor(*(accuracies(by_seed, sorted(own)) for by_seed in found))


def floor_estimates(spec: BenchmarkSpec, task: str, floors: Floors) -> dict[str, Estimate]:
    """Return the accuracy of untrained encoders: by `task`, and pruned alike by `task/schedule/sparsity`."""
    return {
        task if cell == DENSE_CELL else f"{task}/{cell[0]}/{cell[1]}": within(
            PROBE_ACCURACY,
            Estimate.over_models(accuracies(by_seed, sorted(by_seed)), spec.evaluation.bootstrap.confidence),
            len(by_seed),
        )
        for cell, by_seed in floors.items()
    }


def _dense_of(
    own: BySeed, outcomes: Mapping[Cell, BySeed], populations: Mapping[Cell, Population]
) -> Population | None:
    """Return the dense models of a cell's seeds; None where one of them has failed."""
    dense = outcomes.get(DENSE_CELL, {})
    if own.keys() == dense.keys():
        return populations[DENSE_CELL]
    return stack({seed: dense[seed] for seed in own}) if own.keys() <= dense.keys() else None


def grid_summary(
    spec: BenchmarkSpec, task: TaskToScore, labels_N: Labels, populations: Mapping[Cell, Population],
    cells: Sequence[ScoredCell], floors: Floors | None = None,
) -> dict[str, Estimate]:  # fmt: skip
    """Summarise a task; an incomplete grid has no summary, because a missing run must never improve a score."""
    wanted = {(each.name, sparsity) for each in spec.schedules for sparsity in spec.sparsities} | {DENSE_CELL}
    sizes = {cell.num_models for cell in cells}
    if set(populations) != wanted or sizes != {spec.population.models}:
        return {}
    grid = GridView(
        dense=populations[DENSE_CELL],
        cells={cell: population for cell, population in populations.items() if cell[0] != DENSE},
        ranked_schedules=tuple(each.name for each in spec.schedules if not each.is_control),
        sparsities=spec.sparsities,
        test_labels=labels_N,
        num_classes=task.num_classes,
        floor_KN=_dense_floor(spec, floors or {}),
    )
    dense_cell = next(cell for cell in cells if cell.schedule == DENSE)
    summary = {f"dense:{name}": estimate for name, estimate in dense_cell.metrics.items()}
    for metric in GRID_METRICS:
        summary |= metric.measure(grid, spec.evaluation)
    summary = {name: within(name, each, spec.population.models) for name, each in summary.items()}
    return summary | _averages_over_grid(spec, cells)


def _dense_floor(spec: BenchmarkSpec, floors: Floors) -> NDArray[np.bool_] | None:
    by_seed, seeds = floors.get(DENSE_CELL, {}), range(spec.population.models)
    return np.stack([by_seed[seed] for seed in seeds]) if set(seeds) <= by_seed.keys() else None


def _averages_over_grid(spec: BenchmarkSpec, cells: Sequence[ScoredCell]) -> dict[str, Estimate]:
    """Average every number over the ranked cells, without an interval: for orientation beside the score."""
    ranked = {each.name for each in spec.schedules if not each.is_control}
    collected: dict[str, list[float]] = {}
    for cell in cells:
        for name, estimate in cell.metrics.items():
            if cell.schedule in ranked and estimate.value is not None:
                collected.setdefault(name, []).append(estimate.value)
    return {f"pruned:{name}": Estimate(value=float(np.mean(values))) for name, values in collected.items()}


def average_over_tasks(summaries: Sequence[Mapping[str, Estimate]]) -> dict[str, Estimate]:
    """Average over tasks; with several tasks bounds are averaged as well (perfect correlation: never too narrow)."""
    return {name: _average_of([summary[name] for summary in summaries]) for name in _common(summaries)}


def _common(summaries: Sequence[Mapping[str, Estimate]]) -> Iterator[str]:
    return (name for name in summaries[0] if all(name in summary for summary in summaries))


def _average_of(estimates: Sequence[Estimate]) -> Estimate:
    def mean(numbers: Sequence[float | None]) -> float | None:
        known = [number for number in numbers if number is not None]
        return float(np.mean(known)) if len(known) == len(numbers) else None

    return Estimate(
        value=mean([each.value for each in estimates]), low=mean([each.low for each in estimates]),
        high=mean([each.high for each in estimates]),
    )  # fmt: skip
