"""Handing what was trained to the scorer, in its own process or container, and reading its answer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.execution.executor import Executor
from benchmark.execution.home import SCORING_PREFIX, Home
from benchmark.execution.store import Store
from benchmark.plan import Run
from benchmark.scoring.job import (
    MAPS_FILE,
    OUTCOMES_FILE,
    RESULT_FILE,
    RunToScore,
    ScoringJob,
    ScoringResult,
    TaskToScore,
)

if TYPE_CHECKING:
    from benchmark.execution.evaluate import Prepared


@dataclass(frozen=True)
class Answer:
    """What a scorer answers: its numbers, and two parquet files that are kept beside the record."""

    result: ScoringResult
    outcomes: bytes
    maps: bytes


def run_scorer(
    prepared: Prepared, home: Home, store: Store, executor: Executor, workers: int, on_wait: Callable[[], None]
) -> Answer:
    """Score every run whose state is stored."""
    tasks: list[TaskToScore] = []
    for name, data in prepared.data.items():
        runs = [run for run in prepared.plan.runs if run.task == name and store.has(run.state_key)]
        index = next(each.task_index for each in prepared.plan.subtrees if each.task == name)
        task = TaskToScore(
            name=name, index=index, num_classes=data.dataset.num_classes, train_file=data.labelled, test_file=data.test,
            train_digest=data.dataset.train.digest, test_digest=data.dataset.test.digest,
            runs=tuple(_to_score(run, store) for run in runs),
        )  # fmt: skip
        tasks.append(task)
    home.outcomes.mkdir(parents=True, exist_ok=True)
    job = ScoringJob(spec=prepared.spec, tasks=tuple(tasks), cache=home.outcomes, workers=workers)
    with tempfile.TemporaryDirectory(dir=home.root, prefix=SCORING_PREFIX) as folder:
        job_file, out = Path(folder) / "job.json", Path(folder) / "out"
        out.mkdir()
        job_file.write_text(job.model_dump_json(), encoding="utf-8")
        executor.score(job_file, out, on_wait)
        result = ScoringResult.model_validate_json((out / RESULT_FILE).read_bytes())
        return Answer(result, (out / OUTCOMES_FILE).read_bytes(), (out / MAPS_FILE).read_bytes())


def _to_score(run: Run, store: Store) -> RunToScore:
    return RunToScore(
        schedule=run.schedule, sparsity=run.sparsity, seed=run.seed, state_key=run.state_key,
        num_pruned=run.events[-1].num_pruned if run.events else (), directory=store.path(run.state_key),
    )  # fmt: skip
