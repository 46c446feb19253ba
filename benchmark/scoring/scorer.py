"""The scorer's process: reads every model, compares populations, answers with numbers. No submission can be imported.

    python -I -m benchmark.scoring.scorer --job J --out DIR

Writes `result.json` and `outcomes.parquet` (one row per run and test example) into DIR.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.scoring.instrument import CellView, Estimate, GridView, Outcome, Population
from benchmark.scoring.intervals import t_interval
from benchmark.scoring.job import (
    OUTCOMES_FILE,
    RESULT_FILE,
    RunToScore,
    ScoredCell,
    ScoredReference,
    ScoredRun,
    ScoringJob,
    ScoringResult,
    TaskToScore,
)
from benchmark.scoring.reading import TaskReader, deal_seeds, start_reading
from benchmark.scoring.references import reference_lines
from benchmark.scoring.registry import CELL_METRICS, GRID_METRICS, all_columns
from benchmark.scoring.weights import InvalidOutput
from benchmark.spec import BenchmarkSpec, Evaluation

_RUNS_WORTH_A_PROCESS = 8
"""Starting another interpreter costs about as much as reading this many models."""

Cell = tuple[str, Decimal]
DENSE: Cell = ("dense", Decimal(0))


def score(job: ScoringJob, out: Path) -> ScoringResult:
    """Score everything in a job, and write the per-example outcomes of all runs."""
    _fill_cache(job)
    runs: list[ScoredRun] = []
    cells: list[ScoredCell] = []
    references: list[ScoredReference] = []
    summaries: list[Mapping[str, Estimate]] = []
    tables: list[pa.Table] = []
    for index in range(len(job.tasks)):
        task = job.tasks[index]
        reader = TaskReader(job.spec, task, job.cache)
        outcomes: dict[tuple[str, Decimal, int], Outcome] = {}
        for run in task.runs:
            scored, outcome = _scored_run(reader, run)
            runs.append(scored)
            if outcome is not None:
                outcomes[run.schedule, run.sparsity, run.seed] = outcome
        tables += [_table(task.name, key, outcome, reader.test.labels) for key, outcome in outcomes.items()]
        populations = _populations(outcomes)
        task_cells = [_scored_cell(job.spec.evaluation, reader, cell, populations, outcomes) for cell in populations]
        cells += task_cells
        references += reference_lines(reader)
        if summary := _grid_summary(job.spec, reader, populations, task_cells):
            summaries.append(summary)
    pq.write_table(pa.concat_tables(tables, promote_options="default") if tables else pa.table({}), out / OUTCOMES_FILE)
    complete = len(summaries) == len(job.spec.tasks)
    summary = _average(summaries) if complete else {}
    return ScoringResult(
        columns=all_columns(), runs=tuple(runs), cells=tuple(cells), references=tuple(references), summary=summary
    )


def _fill_cache(job: ScoringJob) -> None:
    """Read all models that no cache knows, in several processes where there is enough to do."""
    if job.workers < 2 or sum(len(task.runs) for task in job.tasks) < _RUNS_WORTH_A_PROCESS * job.workers:
        return
    parts: list[tuple[BenchmarkSpec, TaskToScore, Path, frozenset[int]]] = []
    for task in job.tasks:
        reader = TaskReader(job.spec, task, job.cache)
        unknown = tuple(run for run in task.runs if not reader.knows(run))
        if len(unknown) >= _RUNS_WORTH_A_PROCESS:
            parts += [(job.spec, task, job.cache, seeds) for seeds in deal_seeds(unknown, job.workers)]
    if not parts:
        return
    with ProcessPoolExecutor(job.workers, multiprocessing.get_context("spawn"), start_reading) as pool:
        for future in [pool.submit(_read_seeds, *part) for part in parts]:
            future.result()


def _read_seeds(spec: BenchmarkSpec, task: TaskToScore, cache: Path, seeds: frozenset[int]) -> None:
    reader = TaskReader(spec, task, cache)
    for run in task.runs:
        if run.seed in seeds:
            _scored_run(reader, run)


def _scored_run(reader: TaskReader, run: RunToScore) -> tuple[ScoredRun, Outcome | None]:
    scored = ScoredRun(task=reader.task.name, schedule=run.schedule, sparsity=run.sparsity, seed=run.seed)
    try:
        outcome, layers = reader.read(run), reader.layers(run)
    except InvalidOutput as error:
        return scored.model_copy(update={"invalid": str(error)}), None
    metrics = {name: _finite(value) for name, value in outcome.values.items()}
    return scored.model_copy(update={"metrics": metrics, "layers": layers}), outcome


def _populations(outcomes: Mapping[tuple[str, Decimal, int], Outcome]) -> dict[Cell, Population]:
    """Stack the outcomes of every cell in the order of their seeds."""
    grouped: dict[Cell, list[tuple[int, Outcome]]] = {}
    for (schedule, sparsity, seed), outcome in outcomes.items():
        grouped.setdefault((schedule, sparsity), []).append((seed, outcome))
    populations: dict[Cell, Population] = {}
    for cell, members in grouped.items():
        ordered = [outcome for _, outcome in sorted(members, key=lambda member: member[0])]
        values = {name: np.array([each.values[name] for each in ordered]) for name in ordered[0].values}
        examples = {name: np.stack([each.examples[name] for each in ordered]) for name in ordered[0].examples}
        populations[cell] = Population(values, examples)
    return populations


def _scored_cell(
    evaluation: Evaluation, reader: TaskReader, cell: Cell, populations: Mapping[Cell, Population],
    outcomes: Mapping[tuple[str, Decimal, int], Outcome],
) -> ScoredCell:  # fmt: skip
    """Average every number of a cell over its models, and compare it with the dense models of the same seeds."""
    schedule, sparsity = cell
    population = populations[cell]
    num_models = len(next(iter(population.values.values())))
    metrics = {name: _mean(values, evaluation) for name, values in population.values.items()}
    seeds = {seed for (*its_cell, seed) in outcomes if tuple(its_cell) == cell}
    dense = _populations({key: outcome for key, outcome in outcomes.items() if key[0] == "dense" and key[2] in seeds})
    parent = dense.get(DENSE)
    if schedule != "dense" and parent and len(next(iter(parent.values.values()))) == num_models:
        view = CellView(schedule, sparsity, parent, population, reader.test.labels, reader.task.num_classes)
        for metric in CELL_METRICS:
            metrics |= metric.measure(view, evaluation)
    return ScoredCell(
        task=reader.task.name, schedule=schedule, sparsity=sparsity, num_models=num_models, metrics=metrics
    )


def _grid_summary(
    spec: BenchmarkSpec, reader: TaskReader, populations: Mapping[Cell, Population], cells: Sequence[ScoredCell]
) -> dict[str, Estimate]:
    """Summarise a task; an incomplete grid has no summary, because a missing run must never improve a score."""
    wanted = {(each.name, sparsity) for each in spec.schedules for sparsity in spec.sparsities} | {DENSE}
    sizes = {cell.num_models for cell in cells}
    if set(populations) != wanted or sizes != {spec.population.models}:
        return {}
    grid = GridView(
        dense=populations[DENSE],
        cells={cell: population for cell, population in populations.items() if cell[0] != "dense"},
        ranked_schedules=tuple(each.name for each in spec.schedules if not each.is_control),
        sparsities=spec.sparsities,
        test_labels=reader.test.labels,
        num_classes=reader.task.num_classes,
    )
    dense_cell = next(cell for cell in cells if cell.schedule == "dense")
    summary = {f"dense:{name}": estimate for name, estimate in dense_cell.metrics.items()}
    for metric in GRID_METRICS:
        summary |= metric.measure(grid, spec.evaluation)
    return summary | _averages_over_grid(spec, cells)


def _averages_over_grid(spec: BenchmarkSpec, cells: Sequence[ScoredCell]) -> dict[str, Estimate]:
    """Average every number over the ranked cells, without an interval: for orientation beside the score."""
    ranked = {each.name for each in spec.schedules if not each.is_control}
    collected: dict[str, list[float]] = {}
    for cell in cells:
        for name, estimate in cell.metrics.items():
            if cell.schedule in ranked and estimate.value is not None:
                collected.setdefault(name, []).append(estimate.value)
    return {f"pruned:{name}": Estimate(value=float(np.mean(values))) for name, values in collected.items()}


def _average(summaries: Sequence[Mapping[str, Estimate]]) -> dict[str, Estimate]:
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


def _mean(values_K: np.ndarray, evaluation: Evaluation) -> Estimate:
    if not np.isfinite(values_K).all():
        return Estimate(value=None)
    bounds = t_interval(values_K, evaluation.bootstrap.confidence)
    low, high = (None, None) if bounds is None else bounds
    return Estimate(value=float(values_K.mean()), low=low, high=high)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _table(task: str, key: tuple[str, Decimal, int], outcome: Outcome, labels_N: np.ndarray) -> pa.Table:
    """One row per test example of a run: what it belongs to, its label, and every per-example array."""
    schedule, sparsity, seed = key
    count = len(labels_N)
    names = pa.DictionaryArray.from_arrays(np.zeros(count, np.int8), [task])
    schedules = pa.DictionaryArray.from_arrays(np.zeros(count, np.int8), [schedule])
    columns = {
        "task": names,
        "schedule": schedules,
        "sparsity": np.full(count, float(sparsity)),
        "seed": np.full(count, seed, np.int16),
        "example": np.arange(count, dtype=np.int32),
        "label": labels_N.astype(np.int16),
    }
    return pa.table(columns | {name: array for name, array in outcome.examples.items() if array.shape == (count,)})


def main() -> None:
    """Score one job."""
    parser = argparse.ArgumentParser(prog="python -I -m benchmark.scoring.scorer", description=__doc__)
    parser.add_argument("--job", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    job = ScoringJob.model_validate_json(arguments.job.read_text(encoding="utf-8"))
    job.cache.mkdir(parents=True, exist_ok=True)
    result = score(job, arguments.out)
    (arguments.out / RESULT_FILE).write_text(result.model_dump_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
