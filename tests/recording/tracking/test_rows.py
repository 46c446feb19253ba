"""Rows that are written many at a time are the rows that MLflow's own calls write, table for table."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmark.recording.archive import write_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.tracking import projection
from benchmark.recording.tracking.address import database_path
from benchmark.recording.tracking.projection import project, rebuild
from tests.recording.synthetic import AREAS, KEY, MAPS, OUTCOMES, record

_MOMENTS = {"experiments": {"creation_time", "last_update_time"}, "runs": {"deleted_time"}}
"""Columns that say when MLflow was told, by table."""


def rows_of(home: Path) -> dict[str, list[list[object]]]:
    """Return every row of every table; ids that MLflow draws by chance are replaced by what they stand for."""
    with closing(sqlite3.connect(database_path(home))) as connection:
        names = names_of_ids(connection)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, list[list[object]]] = {}
        for table in tables:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            kept = [place for place, column in enumerate(cursor.description)
                    if column[0] not in _MOMENTS.get(table, ())]  # fmt: skip
            rows = [[spelled(row[place], names, home) for place in kept] for row in cursor]
            found[table] = sorted(rows, key=repr)
        return found


def names_of_ids(connection: sqlite3.Connection) -> dict[object, str]:
    runs = "SELECT run_uuid, experiment_id || name || lifecycle_stage || start_time || status FROM runs"
    names: dict[object, str] = dict(connection.execute(runs))
    names |= dict(connection.execute("SELECT dataset_uuid, experiment_id || name || digest FROM datasets"))
    for input_id, source, destination in connection.execute("SELECT input_uuid, source_id, destination_id FROM inputs"):
        names[input_id] = f"{names[source]} of {names[destination]}"
    return names


def spelled(value: object, names: dict[object, str], home: Path) -> object:
    if not isinstance(value, str):
        return value
    text = names.get(value, value).replace(str(home), "HOME")
    for run_id, name in names.items():
        text = text.replace(str(run_id), name)
    return text


def several(home: Path) -> list[tuple[EvaluationRecord, Path]]:
    """Two records of one specification that share their data, and one of another specification."""
    first = record()
    second = record(complete=True).model_copy(update={"evaluation_key": "ef" * 32})
    submission = first.submission.model_copy(update={"name": "zoë's", "hyperparameters": {"text": "é" * 9000}})
    third = first.model_copy(update={"spec_identity": "other-1.0", "submission": submission})
    return [(each, write_record(home / "records", each, OUTCOMES, MAPS, AREAS, key=KEY))
            for each in (first, second, third)]  # fmt: skip


@pytest.fixture
def homes(tmp_path: Path, empty_mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    made = tmp_path / "calls", tmp_path / "rows"
    for home in made:
        home.mkdir()
        shutil.copyfile(empty_mlflow_store, database_path(home))
    return made


def test_a_rebuilt_database_is_equal_row_for_row_to_one_that_was_told_record_by_record_through_mlflows_calls(
    homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_calls, by_rows = homes
    with monkeypatch.context() as patch:
        patch.setattr(projection, "writes_rows", lambda uri: False)
        for each, path in several(by_calls):
            project(each, path, by_calls)
        newer = record(complete=True)  # of the first one: what was shown of it is deleted
        project(newer, write_record(by_calls / "records", newer, OUTCOMES, MAPS, AREAS, key=KEY), by_calls)
    rebuild(several(by_rows), by_rows)
    rebuild([(newer, write_record(by_rows / "records", newer, OUTCOMES, MAPS, AREAS, key=KEY))], by_rows)
    expected, got = rows_of(by_calls), rows_of(by_rows)
    assert expected.keys() == got.keys()
    assert all(expected[table] for table in ("runs", "metrics", "latest_metrics", "params", "tags", "input_tags"))
    for table in expected:
        assert got[table] == expected[table], table


def test_artifacts_are_equal_too(homes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    by_calls, by_rows = homes
    with monkeypatch.context() as patch:
        patch.setattr(projection, "writes_rows", lambda uri: False)
        rebuild(several(by_calls), by_calls)
    rebuild(several(by_rows), by_rows)
    assert artifacts_of(by_calls) == artifacts_of(by_rows)
    assert len(artifacts_of(by_rows)) == 3 * (2 + 5)


def artifacts_of(home: Path) -> list[tuple[str, bytes]]:
    """Return the files of all parent runs, by their place in the folder of a run."""
    files = [path for path in (home / "artifacts").rglob("*") if path.is_file()]
    return sorted(("/".join(path.relative_to(home / "artifacts").parts[2:]), path.read_bytes()) for path in files)
