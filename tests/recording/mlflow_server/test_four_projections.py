"""What MLflow on PostgreSQL shows of records that are projected at the same time, by a server that does not last."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from benchmark.recording.archive import write_record
from benchmark.recording.record import EvaluationRecord
from tests.executors.warm import wait_until
from tests.recording.mlflow_server.server import Server, require_server
from tests.recording.synthetic import AREAS, KEY, MAPS, OUTCOMES, record

NAMES = ("first", "second", "third", "fourth")

PROJECT = """
import pathlib, sys
from benchmark.recording.archive import read_record
from benchmark.recording.tracking.projection import project
path = pathlib.Path(sys.argv[1])
project(read_record(path), path, path.parents[2])
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = require_server()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", found.address)
    return found


@pytest.fixture
def records(tmp_path: Path) -> list[Path]:
    """Records of four submissions on one specification that the server has never seen."""
    identity, written = f"digits-{uuid.uuid4().hex[:8]}", list[Path]()
    for name in NAMES:
        about = record().submission.model_copy(update={"name": name})
        changes = {"spec_identity": identity, "submission": about, "evaluation_key": uuid.uuid4().hex * 2}
        made = record(complete=True).model_copy(update=changes)
        written.append(write_record(tmp_path / name / "records", made, OUTCOMES, MAPS, AREAS, key=KEY))
    return written


def project_at_once(records: list[Path]) -> list[subprocess.Popen[str]]:
    """Project each record in a process of its own, all at the same time."""
    command, environment = [sys.executable, "-c", PROJECT], os.environ | {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
    return [
        subprocess.Popen([*command, str(path)], env=environment, stderr=subprocess.PIPE, text=True) for path in records
    ]


def shown(records: list[Path]) -> list[Run]:
    """Return all runs of the specification of some records."""
    client = MlflowClient()
    found = client.get_experiment_by_name(records[0].parent.name)
    return list(client.search_runs([found.experiment_id], max_results=1000)) if found else []


def demand_every_run_once(records: list[Path], made: EvaluationRecord) -> None:
    """Look that each evaluation has one parent, one child per run, and ended."""
    runs = shown(records)
    names = Counter((run.data.tags["fmn.submission"], run.info.run_name) for run in runs)
    assert set(names.values()) == {1}, names
    assert Counter(run.data.tags["fmn.submission"] for run in runs) == dict.fromkeys(NAMES, 1 + len(made.runs))
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_four_projections_at_once_show_every_run_once(server: Server, records: list[Path]) -> None:
    """Each finds that there is no experiment of the specification yet, and one makes it."""
    for process in project_at_once(records):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    demand_every_run_once(records, record())


def test_a_server_killed_amid_four_projections_shows_every_run_once_after_they_are_made_again(
    server: Server, records: list[Path]
) -> None:
    processes = project_at_once(records)
    wait_until(lambda: len(shown(records)) >= 3, limit_s=300)
    server.kill()
    for process in processes:
        process.communicate(timeout=300)
    assert any(process.returncode for process in processes), "all had ended before the server was killed"
    server.start()
    for process in project_at_once(records):
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    demand_every_run_once(records, record())
