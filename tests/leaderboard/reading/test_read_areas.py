"""Areas of an entry: from the file beside the record, else from its outcomes, never from an altered file."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmark.recording.archive import areas_path, outcomes_path, read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import record_paths
from benchmark.scoring.areas import AREAS_SCHEMA, write_areas
from leaderboard.board.board import Entry, entry_of
from leaderboard.reading.areas import areas_of
from tests.leaderboard.records import SIGNER, TASK, Knobs, add_outcomes, evaluation, shelve

RESULTS = Path(__file__).resolve().parents[3] / "results"
SHIPPED = list(record_paths(RESULTS))


def _entry(path: Path, record: EvaluationRecord | None = None) -> Entry:
    return entry_of(str(path), record or read_record(path), SIGNER)


@pytest.fixture
def older(tmp_path: Path) -> Entry:
    """An entry of a record from before there were areas."""
    record = evaluation(Knobs(models=3))
    (path,) = shelve(tmp_path, record)
    return _entry(path, add_outcomes(path, record))


def _with_areas(entry: Entry) -> Entry:
    """Write the areas of an entry beside its record, as the scorer does."""
    found = areas_of(entry)
    assert found is not None
    rows = [(TASK, schedule, seed, area_N) for schedule, area_KN in found[TASK].items()
            for seed, area_N in enumerate(area_KN)]  # fmt: skip
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), AREAS_SCHEMA.types, strict=True)]
    path = areas_path(Path(entry.path))
    write_areas([pa.Table.from_arrays(columns, schema=AREAS_SCHEMA)], path)
    return replace(entry, areas_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_mean_area_of_a_shipped_record_is_its_score_per_schedule(path: Path) -> None:
    record, entry = read_record(path), _entry(path)
    found = areas_of(entry)
    assert found is not None
    (by_schedule,) = found.values()
    for name in ("dense", *(f"score:{schedule}" for schedule in entry.schedules)):
        area_KN = by_schedule[name.removeprefix("score:")].astype(np.float64)
        assert area_KN.shape[0] == entry.num_models
        assert area_KN.mean() == pytest.approx(record.summary[f"robustness/{name}"].value, abs=1e-6)


def test_the_file_of_areas_says_what_the_outcomes_say_and_serves_without_them(older: Entry) -> None:
    newer, before = _with_areas(older), areas_of(older)
    outcomes_path(Path(older.path)).unlink()
    after = areas_of(newer)
    assert areas_of(older) is None
    assert before is not None
    assert after is not None
    assert after[TASK].keys() == before[TASK].keys() == {"dense", "early", "late", "one-shot", "one-shot-random"}
    assert all(np.array_equal(after[TASK][name], before[TASK][name]) for name in before[TASK])


def test_an_altered_file_of_areas_is_not_used(older: Entry, caplog: pytest.LogCaptureFixture) -> None:
    newer, before = _with_areas(older), areas_of(older)
    path = areas_path(Path(older.path))
    path.write_bytes(path.read_bytes() + b"x")
    with caplog.at_level(logging.WARNING):
        after = areas_of(newer)
    assert "not the file that its record names" in caplog.text
    assert after is not None
    assert before is not None
    assert np.array_equal(after[TASK]["late"], before[TASK]["late"])


def test_a_schedule_that_lacks_a_run_is_left_out(older: Entry) -> None:
    found = areas_of(replace(older, num_models=4))
    assert found == {}
