"""The scorer: an incomplete grid has no score, one bad file costs one run, and no submission can be imported."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmark.executors.process import child_environment
from benchmark.scoring import aggregate as grid
from benchmark.scoring import registry
from benchmark.scoring.areas import areas_by_run
from benchmark.scoring.metrics import sparsity_audit
from benchmark.scoring.probes import linear_probe
from benchmark.scoring.reading import model_reader as reading
from benchmark.scoring.reading import worker_pool as crew
from benchmark.scoring.reading.worker_pool import deal, start_reading
from benchmark.scoring.score_math import area_over_compression, chance_corrected
from benchmark.scoring.scorer import score
from benchmark.scoring.scoring_job import RunToScore, ScoringJob, ScoringResult
from benchmark.spec import BenchmarkSpec
from tests.conftest import Evaluated
from tests.executors.warm import request, scoring_job, wait_until, warm_context


@pytest.fixture(scope="module")
def job(evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path) -> ScoringJob:
    """The job of the evaluated home, with its cache."""
    return scoring_job(request(tiny_spec, plain, evaluated.root), evaluated.root)


def with_runs(job: ScoringJob, keep: Callable[[RunToScore], RunToScore | None]) -> ScoringJob:
    kept = [run for run in map(keep, job.tasks[0].runs) if run is not None]
    return job.model_copy(update={"tasks": (job.tasks[0].model_copy(update={"runs": tuple(kept)}),)})


def without(job: ScoringJob, schedule: str, seed: int | None = None, sparsity: str | None = None) -> ScoringJob:
    def keep(run: RunToScore) -> RunToScore | None:
        same = run.schedule == schedule and seed in (None, run.seed)
        return None if same and (sparsity is None or run.sparsity == Decimal(sparsity)) else run

    return with_runs(job, keep)


@pytest.fixture(scope="module")
def whole(job: ScoringJob, tmp_path_factory: pytest.TempPathFactory) -> ScoringResult:
    return score(job, tmp_path_factory.mktemp("out"))


def test_a_complete_grid_has_a_summary_and_every_cell_its_comparison_with_dense(whole: ScoringResult) -> None:
    assert whole.summary["robustness/score"].value is not None
    assert all(cell.num_models == 2 for cell in whole.cells)
    assert all(("pie/published" in cell.metrics) == (cell.schedule != "dense") for cell in whole.cells)


def test_every_number_of_runs_and_cells_belongs_to_a_group_that_columns_explain(whole: ScoringResult) -> None:
    explained = {column.name.split("/")[0] for column in whole.columns}
    told = {name for part in (*whole.runs, *whole.cells) for name in part.metrics}
    assert {name.split("/")[0] for name in told} <= explained


def test_the_mean_of_a_cell_is_that_of_its_runs(whole: ScoringResult) -> None:
    for cell in whole.cells:
        runs = [run for run in whole.runs if (run.schedule, run.sparsity) == (cell.schedule, cell.sparsity)]
        expected = sum(run.metrics["linear/accuracy"] or 0 for run in runs) / len(runs)
        assert cell.metrics["linear/accuracy"].value == pytest.approx(expected)


def test_the_mean_area_of_every_run_is_the_area_of_its_accuracies(job: ScoringJob, tmp_path: Path) -> None:
    whole = score(job, tmp_path)
    areas = areas_by_run(pq.read_table(tmp_path / "areas.parquet"))
    accuracies = {(run.schedule, run.sparsity, run.seed): run.metrics["linear/accuracy"] or 0 for run in whole.runs}
    assert {(schedule, seed) for _, schedule, seed in areas} == {(run.schedule, run.seed) for run in whole.runs}
    for (_, schedule, seed), area_N in areas.items():
        points = [Decimal(0)] if schedule == "dense" else list(job.spec.sparsities)
        heights = [chance_corrected(accuracies[schedule, each, seed], 1 / job.tasks[0].num_classes) for each in points]
        expected = float(area_over_compression(points, heights))
        assert float(area_N.mean(dtype=np.float64)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("schedule", "seed", "sparsity"),
    [
        ("shot", 1, "0.9"),  # one run
        ("shot", None, "0.9"),  # one cell
        ("ramp", None, None),  # one schedule
        ("shot-random", 0, "0.5"),  # a run of the control
        ("dense", 1, None),  # a dense model
        ("dense", None, None),  # every dense model
    ],
)
def test_an_incomplete_grid_has_no_summary(
    job: ScoringJob, tmp_path: Path, schedule: str, seed: int | None, sparsity: str | None
) -> None:
    """A missing run must never improve a score."""
    partial = without(job, schedule, seed, sparsity)
    result = score(partial, tmp_path)
    assert result.summary == {}
    assert len(result.runs) == len(partial.tasks[0].runs)
    assert all(run.invalid is None for run in result.runs)


def test_a_whole_seed_missing_everywhere_is_no_complete_grid(job: ScoringJob, tmp_path: Path) -> None:
    """All cells are then of equal size, only smaller than the specification asks."""
    result = score(with_runs(job, lambda run: run if run.seed == 0 else None), tmp_path)
    assert result.summary == {}
    assert {cell.num_models for cell in result.cells} == {1}


def test_nothing_to_score_gives_references_only(job: ScoringJob, tmp_path: Path) -> None:
    result = score(with_runs(job, lambda run: None), tmp_path)
    assert (result.runs, result.cells, result.summary) == ((), (), {})
    assert len(result.references) == 2
    assert pd.read_parquet(tmp_path / "outcomes.parquet").empty


def test_one_bad_file_costs_one_run_and_the_summary(job: ScoringJob, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "encoder.safetensors").write_bytes(b"garbage")

    def spoil(run: RunToScore) -> RunToScore:
        bad = (run.schedule, run.seed, run.sparsity) == ("shot", 1, Decimal("0.9"))
        return run.model_copy(update={"directory": tmp_path / "bad", "state_key": "bad"}) if bad else run

    result = score(with_runs(job, spoil), tmp_path)
    (invalid,) = [run for run in result.runs if run.invalid is not None]
    assert (invalid.schedule, invalid.seed, invalid.sparsity) == ("shot", 1, Decimal("0.9"))
    assert invalid.invalid is not None
    assert invalid.invalid.startswith("encoder.safetensors: not a safetensors file")
    assert invalid.metrics == {}
    assert result.summary == {}
    cell = next(cell for cell in result.cells if (cell.schedule, cell.sparsity) == ("shot", Decimal("0.9")))
    assert cell.num_models == 1


def test_per_example_outcomes_have_a_row_per_run_and_test_image(
    job: ScoringJob, whole: ScoringResult, tmp_path: Path
) -> None:
    score(job, tmp_path)
    frame = pd.read_parquet(tmp_path / "outcomes.parquet")
    assert len(frame) == len(whole.runs) * 445
    for _, rows in frame.groupby(["schedule", "sparsity", "seed"], observed=True):
        assert list(rows["example"]) == list(range(445))


def test_several_processes_read_what_one_would(
    job: ScoringJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = (linear_probe.METRIC, sparsity_audit.METRIC)
    for module in (registry, reading):
        monkeypatch.setattr(module, "MODEL_METRICS", metrics)
    monkeypatch.setattr(grid, "CELL_METRICS", ())
    monkeypatch.setattr(crew, "BYTES_WORTH_A_PROCESS", 1)
    dense = with_runs(job, lambda run: run if run.schedule == "dense" else None)
    results: list[ScoringResult] = []
    for workers in (1, 2):
        cache = tmp_path / f"cache-{workers}"
        cache.mkdir()
        results.append(score(dense.model_copy(update={"cache": cache, "workers": workers}), tmp_path))
    assert results[0] == results[1]
    files = [{path.name for path in (tmp_path / f"cache-{workers}").iterdir()} for workers in (1, 2)]
    assert files[0] <= files[1]  # the other processes had every registered metric


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 100])
def test_runs_are_dealt_to_workers_once_each_seed_after_seed(job: ScoringJob, workers: int) -> None:
    runs = job.tasks[0].runs
    parts = deal(runs, workers)
    assert sorted(run.model_dump_json() for part in parts for run in part) == sorted(
        run.model_dump_json() for run in runs
    )
    assert len(parts) == min(workers, len(runs))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    seeds = [run.seed for part in parts for run in part]
    assert seeds == sorted(seeds)


def _read_for_ever(told: Path) -> None:
    start_reading()
    told.write_text("ready")
    time.sleep(600)


def _be_a_scorer(told: Path) -> None:
    process = get_context("fork").Process(target=_read_for_ever, args=(told,))
    process.start()
    told.with_suffix(".pid").write_text(str(process.pid))
    process.join()


def test_processes_of_the_pool_end_with_the_scorer(tmp_path: Path) -> None:
    """They wait for their next model on a pipe that they hold open themselves: for ever, once the scorer was killed."""
    told = tmp_path / "told"
    parent = warm_context().Process(target=_be_a_scorer, args=(told,))  # pyright: ignore[reportAttributeAccessIssue]
    parent.start()
    wait_until(lambda: told.exists() and told.with_suffix(".pid").exists() and told.with_suffix(".pid").read_text())
    child = Path("/proc", told.with_suffix(".pid").read_text())
    assert child.exists()
    parent.kill()
    parent.join()
    wait_until(lambda: not child.exists(), limit_s=10)


LOOK_AROUND = """
import sys
import benchmark.scoring.scorer
loaded = [name for name in sys.modules if name.startswith(("benchmark.method", "benchmark.training", "submission"))]
assert not loaded, loaded
assert "" not in sys.path and "." not in sys.path, sys.path
for name in ("submission", "submission.method", "method", "neighbour"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(f"{name} could be imported")
"""


def test_a_scorer_cannot_import_a_submission_even_from_its_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "submission").mkdir()
    for name in ("submission/__init__.py", "submission/method.py", "method.py", "neighbour.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('submission code ran')\n")
    command = [sys.executable, "-I", "-c", LOOK_AROUND]
    done = subprocess.run(
        command, cwd=tmp_path, env=child_environment(), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
