"""MLflow's store is made whole or not at all, replaced when it is damaged, and never waited for in vain."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT
from mlflow.exceptions import MlflowException
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from benchmark.recording.archive import write_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.tracking import projection, store
from benchmark.recording.tracking.address import database_path
from benchmark.recording.tracking.projection import project
from benchmark.recording.tracking.store import open_client, patience
from tests.recording.synthetic import AREAS, KEY, MAPS, OUTCOMES, record


def written(home: Path, made: EvaluationRecord) -> tuple[EvaluationRecord, Path]:
    return made, write_record(home / "records", made, OUTCOMES, MAPS, AREAS, key=KEY)


def num_runs(home: Path) -> int:
    with closing(sqlite3.connect(database_path(home))) as connection:
        return int(connection.execute("SELECT count(*) FROM runs WHERE lifecycle_stage = 'active'").fetchone()[0])


CREATE = """
import pathlib, sys
from benchmark.recording.tracking.store import open_client
open_client(pathlib.Path(sys.argv[1]))
"""


def test_a_process_killed_while_it_makes_the_database_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    """Killed within seconds of the first creation, the database was never usable again: "duplicate column name"."""
    for attempt, patience_s in enumerate((0.0, 0.3, 0.8, 1.5)):
        home = tmp_path / str(attempt)
        home.mkdir()
        child = subprocess.Popen([sys.executable, "-c", CREATE, str(home)], stderr=subprocess.DEVNULL)
        while not list(home.iterdir()) and child.poll() is None:
            time.sleep(0.01)
        time.sleep(patience_s)
        child.send_signal(signal.SIGKILL)
        child.wait()
    made = [home for home in tmp_path.iterdir() if database_path(home).exists()]
    for home in made:
        assert store._opens(database_path(home))  # pyright: ignore[reportPrivateUsage]
    project(*written(tmp_path / "0", record()), tmp_path / "0")
    assert num_runs(tmp_path / "0") == 1 + len(record().runs)


def half_migrated(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE latest_metrics")
        connection.execute("DELETE FROM alembic_version")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_database(path: Path) -> None:
    path.write_bytes(b"not a database at all, and long enough to be none" * 100)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def without_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE latest_metrics")
        connection.commit()


@pytest.mark.parametrize("damage", [half_migrated, truncated, no_database, empty, without_a_table])
def test_a_default_database_that_cannot_be_opened_is_moved_aside_and_made_again_from_all_records(
    tmp_path: Path, empty_mlflow_store: Path, damage: object
) -> None:
    assert callable(damage)
    shutil.copyfile(empty_mlflow_store, database_path(tmp_path))
    damage(database_path(tmp_path))
    written(tmp_path, record())
    other = record(complete=True).model_copy(update={"evaluation_key": "ef" * 32})
    project(*written(tmp_path, other), tmp_path)
    assert num_runs(tmp_path) == 2 * (1 + len(other.runs))
    assert len(list(tmp_path.glob("mlflow.db.damaged-*"))) == 1


def test_a_database_that_another_program_has_locked_is_left_alone_and_said_so(
    tmp_path: Path, empty_mlflow_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(empty_mlflow_store, database_path(tmp_path))
    monkeypatch.setattr(store, "_BUSY_S", 0.2)
    with closing(sqlite3.connect(database_path(tmp_path))) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(MlflowException, match="locked by another program"):
            open_client(tmp_path)
        other.rollback()
    assert not list(tmp_path.glob("mlflow.db.damaged-*"))


def test_a_full_disk_while_the_database_is_made_is_one_sentence_and_the_next_call_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk then left a half-made database, which nothing could use again: "duplicate column name"."""

    def half(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE metrics (key VARCHAR(250))"))
        raise OperationalError("INSERT INTO x", {}, sqlite3.OperationalError("database or disk is full"))

    with monkeypatch.context() as full:
        full.setattr(store.database_tools, "_initialize_tables", half)
        with pytest.raises(MlflowException, match=r"^database or disk is full$"):
            project(*written(tmp_path, record()), tmp_path)
    assert not list(tmp_path.glob("*mlflow.db*"))
    project(*written(tmp_path, record()), tmp_path)
    assert num_runs(tmp_path) == 1 + len(record().runs)


def test_a_full_disk_while_a_record_is_shown_is_one_sentence_without_the_statement(
    tmp_path: Path, empty_mlflow_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of SQL with all its parameters came instead."""

    def full(*_: object) -> None:
        raise MlflowException(f"(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT]\n[parameters: {_}]")

    shutil.copyfile(empty_mlflow_store, database_path(tmp_path))
    monkeypatch.setattr(projection, "show_in_rows", full)
    with pytest.raises(MlflowException, match=r"^database or disk is full$"):
        project(*written(tmp_path, record()), tmp_path)


@pytest.mark.parametrize("name", ["50% of it", "100%25", "what?", "number #1", "ünïcode and spaces"])
def test_a_home_of_any_name_keeps_its_database_inside(tmp_path: Path, name: str) -> None:
    """With `%`, `?` or `#` in its path, the database was made elsewhere, or a raw error came."""
    home = tmp_path / name
    project(*written(home, record()), home)
    assert num_runs(home) == 1 + len(record().runs)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_server_that_never_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation waited for over four minutes."""
    for variable in ("MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(variable, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections wait in its queue, and nobody takes them
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(MlflowException):
            project(*written(tmp_path, record()), tmp_path)
        assert time.monotonic() - started < 60  # seconds of waiting are 5; the rest is for a busy machine


def test_what_the_user_has_set_for_mlflow_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    with patience(5):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
        assert MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.get(), "a server's runs fill the screen with two lines each"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
