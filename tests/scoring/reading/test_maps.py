"""The table of maps: one panel per ranked schedule beside one dense model, drawn once, whatever files are bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.scoring.reading import embedding_map, maps
from benchmark.scoring.reading.embedding_map import map_points, map_subset
from benchmark.scoring.reading.maps import SCHEMA, draw_maps
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.scoring_job import RunToScore, ScoringJob
from benchmark.spec import BenchmarkSpec
from tests.conftest import Evaluated
from tests.executors.warm import request, scoring_job


@pytest.fixture(scope="module")
def job(evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path) -> ScoringJob:
    return scoring_job(request(tiny_spec, plain, evaluated.root), evaluated.root)


@pytest.fixture(autouse=True)
def _few_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few as scikit-learn accepts: these tests ask which maps are drawn, not how good they are."""
    monkeypatch.setattr(embedding_map, "ITERATIONS", 250)


def same(run: RunToScore) -> RunToScore | None:
    return run


def reader(job: ScoringJob, cache: Path, change: Callable[[RunToScore], RunToScore | None] = same) -> TaskReader:
    runs = tuple(changed for run in job.tasks[0].runs if (changed := change(run)) is not None)
    return TaskReader(job.spec, job.tasks[0].model_copy(update={"runs": runs}), cache)


def drawn(job: ScoringJob, reader: TaskReader) -> pd.DataFrame:
    table = draw_maps(job.spec, reader)
    assert table.schema == SCHEMA
    return table.to_pandas()


def test_every_ranked_schedule_has_its_sparsest_model_beside_a_dense_one(job: ScoringJob, tmp_path: Path) -> None:
    own = reader(job, tmp_path)
    table = drawn(job, own)
    ranked = [each.name for each in job.spec.schedules if not each.is_control]
    subset = map_subset(len(own.test.labels))
    assert table["schedule"].tolist() == [name for name in ranked for _ in subset]
    assert set(table["sparsity"]) == {float(max(job.spec.sparsities))}
    assert set(table["seed"]) == {0}
    assert table["example"].tolist() == len(ranked) * subset.tolist()
    assert table["label"].tolist() == len(ranked) * own.test.labels[subset].tolist()

    dense_n2 = map_points(own.final_features(own.dense_runs[0], subset), 0)
    last = next(r for r in reversed(own.task.runs) if r.schedule == ranked[-1] and r.seed == 0)
    sparse_n2 = map_points(own.final_features(last, subset), 0, dense_n2)
    panel = table[table["schedule"] == ranked[-1]]
    for axis, letter in enumerate("xy"):
        assert panel[f"{letter}_dense"].tolist() == dense_n2[:, axis].tolist()
        assert panel[f"{letter}_sparse"].tolist() == sparse_n2[:, axis].tolist()


def test_a_map_is_drawn_once_and_again_when_the_drawing_changes(
    job: ScoringJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def counting(features_nD: np.ndarray, seed: int, beside_n2: np.ndarray | None = None) -> np.ndarray:
        calls.append(len(features_nD))
        return map_points(features_nD, seed, beside_n2)

    monkeypatch.setattr(maps, "map_points", counting)
    first = drawn(job, reader(job, tmp_path))
    made = len(calls)
    pd.testing.assert_frame_equal(drawn(job, reader(job, tmp_path)), first)
    assert len(calls) == made == 1 + first["schedule"].nunique()
    monkeypatch.setattr(maps, "VERSION", maps.VERSION + 1)
    drawn(job, reader(job, tmp_path))
    assert len(calls) == 2 * made


def test_models_that_cannot_be_read_are_left_out(job: ScoringJob, tmp_path: Path) -> None:
    for name in ("encoder.safetensors", "mask.safetensors"):
        (tmp_path / name).write_bytes(b"not what was asked for")

    def broken(schedule: str, seed: int) -> Callable[[RunToScore], RunToScore]:
        def change(run: RunToScore) -> RunToScore:
            hit = run.schedule == schedule and run.seed == seed
            return run.model_copy(update={"directory": tmp_path, "state_key": "0" * 64}) if hit else run

        return change

    assert set(drawn(job, reader(job, tmp_path, broken("shot", 0)))["schedule"]) == {"ramp"}
    assert set(drawn(job, reader(job, tmp_path, broken("dense", 0)))["seed"]) == {1}
    assert drawn(job, reader(job, tmp_path, lambda run: None if run.schedule == "dense" else run)).empty
