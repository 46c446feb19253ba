"""The scorer's process: it reads every model and answers with numbers. No submission can be imported here.

    python -I -m benchmark.scoring.scorer --job J --out DIR

Writes `result.json`, `outcomes.parquet` (one row per run and test example), `maps.parquet` (where maps of the
representations place test images) and `areas.parquet` (the area under the curve per model and test example) into DIR.
"""

from __future__ import annotations

import argparse
import math
import sys
import traceback
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from benchmark.files.small_parquet import write_small
from benchmark.scoring.aggregate import (
    areas_of_task,
    average_over_tasks,
    floor_estimates,
    grid_summary,
    score_cells,
    stack,
)
from benchmark.scoring.areas import Cell, write_areas
from benchmark.scoring.compute import MIB
from benchmark.scoring.floors import floors_table
from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.metric import Estimate, Outcome, within
from benchmark.scoring.metric_names import PROBE_ACCURACY
from benchmark.scoring.probes import linear_probe
from benchmark.scoring.reading.device import configure
from benchmark.scoring.reading.floor_reader import floors_by_cell, read_floors
from benchmark.scoring.reading.maps import SCHEMA, draw_maps
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.reading.references import reference_lines
from benchmark.scoring.reading.worker_pool import fill_cache, reader_of
from benchmark.scoring.registry import all_columns, metric_versions
from benchmark.scoring.score_math import FEWEST_MODELS
from benchmark.scoring.scorer_exit import WORKER_KILLED
from benchmark.scoring.scoring_job import (
    AREAS_FILE,
    COUNTED,
    MAPS_FILE,
    OUTCOMES_FILE,
    RESULT_FILE,
    RunToScore,
    ScoredCell,
    ScoredReference,
    ScoredRun,
    ScoringJob,
    ScoringResult,
)

REMEDY = "close what else uses it, choose less with FMN_SCORING_CHUNK_MIB (64, for instance), or use DEVICE=cpu"
"""What helps a scorer whose GPU is full."""


def score(job: ScoringJob, out: Path) -> ScoringResult:
    """Score everything in a job, and write the per-example outcomes of all runs and the maps."""
    configure(job.device)
    fill_cache(job)
    runs: list[ScoredRun] = []
    cells: list[ScoredCell] = []
    references: list[ScoredReference] = []
    summaries: list[Mapping[str, Estimate]] = []
    tables: list[pa.Table] = []
    maps: list[pa.Table] = [SCHEMA.empty_table()]
    areas: list[pa.Table] = []
    floor: dict[str, Estimate] = {}
    for task in job.tasks:
        reader = reader_of(job, task)
        outcomes: dict[Cell, dict[int, Outcome]] = {}
        for run in task.runs:
            scored, outcome = _scored_run(reader, run)
            runs.append(scored)
            if outcome is not None:
                outcomes.setdefault((run.schedule, run.sparsity), {})[run.seed] = outcome
                tables.append(_table(task.name, run, outcome, reader.test.labels))
        populations = {cell: stack(own) for cell, own in outcomes.items()}
        untrained = read_floors(reader)
        floors = floors_by_cell(reader, untrained)
        floor |= floor_estimates(job.spec, task.name, floors)
        task_cells = score_cells(job.spec.evaluation, task, reader.test.labels, outcomes, populations, floors)
        cells += task_cells
        references += [_cut(line) for line in reference_lines(reader)]
        maps.append(draw_maps(job.spec, reader))
        areas += [
            areas_of_task(job.spec, task.name, task.num_classes, reader.test.labels, outcomes),
            floors_table(task.name, task.num_classes, untrained),
        ]
        if summary := grid_summary(job.spec, task, reader.test.labels, populations, task_cells, floors):
            summaries.append(summary)
    outcomes_of_all = pa.concat_tables(tables, promote_options="default") if tables else pa.table({})
    write_small(outcomes_of_all, out / OUTCOMES_FILE, counted=(COUNTED,))
    write_small(pa.concat_tables(maps), out / MAPS_FILE)
    write_areas(areas, out / AREAS_FILE)
    complete = len(summaries) == len(job.spec.tasks)
    summary = average_over_tasks(summaries) if complete else {}
    return ScoringResult(
        columns=all_columns(), runs=tuple(runs), cells=tuple(cells), references=tuple(references),
        floor=floor, summary=summary, versions=metric_versions(),
    )


def score_probe_only(job: ScoringJob) -> ScoringResult:
    """Read the accuracy of the linear probe of every run in a job, in its order, and nothing else."""
    configure(job.device)
    runs: list[ScoredRun] = []
    for task in job.tasks:
        reader = reader_of(job, task)
        for run in task.runs:
            scored = ScoredRun(task=task.name, schedule=run.schedule, sparsity=run.sparsity, seed=run.seed)
            try:
                values = reader.read(run, (linear_probe.METRIC,)).values
            except InvalidOutput as error:
                runs.append(scored.model_copy(update={"invalid": str(error)}))
            else:
                runs.append(scored.model_copy(update={"metrics": {PROBE_ACCURACY: values[PROBE_ACCURACY]}}))
    return ScoringResult(columns=(), runs=tuple(runs), cells=(), references=(), floor={}, summary={})


def _cut(line: ScoredReference) -> ScoredReference:
    return line.model_copy(update={"accuracy": within(PROBE_ACCURACY, line.accuracy, FEWEST_MODELS)})


def _scored_run(reader: TaskReader, run: RunToScore) -> tuple[ScoredRun, Outcome | None]:
    scored = ScoredRun(task=reader.task.name, schedule=run.schedule, sparsity=run.sparsity, seed=run.seed)
    try:
        outcome, layers = reader.read(run), reader.layers(run)
    except InvalidOutput as error:
        return scored.model_copy(update={"invalid": str(error)}), None
    metrics = {name: _finite(value) for name, value in outcome.values.items()}
    return scored.model_copy(update={"metrics": metrics, "layers": layers}), outcome


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _table(task: str, run: RunToScore, outcome: Outcome, labels_N: np.ndarray) -> pa.Table:
    """One row per test example of a run: what it belongs to, its label, and every per-example array."""
    count = len(labels_N)
    names = pa.DictionaryArray.from_arrays(np.zeros(count, np.int8), [task])
    schedules = pa.DictionaryArray.from_arrays(np.zeros(count, np.int8), [run.schedule])
    columns = {
        "task": names,
        "schedule": schedules,
        "sparsity": np.full(count, float(run.sparsity)),
        "seed": np.full(count, run.seed, np.int16),
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
    try:
        result = score_probe_only(job) if job.probe_only else score(job, arguments.out)
        (arguments.out / RESULT_FILE).write_text(result.rounded().model_dump_json(), encoding="utf-8")
    except torch.OutOfMemoryError as error:
        error.add_note(f"the GPU's memory is too small for pieces of {job.compute.chunk_bytes // MIB} MiB; {REMEDY}")
        raise
    except BrokenExecutor:
        traceback.print_exc()
        sys.exit(WORKER_KILLED)


if __name__ == "__main__":
    main()
