"""The page of a submission leads to its very run in MLflow, server or file, and says plainly where it cannot."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from streamlit.testing.v1 import AppTest

from benchmark.recording.record import EvaluationRecord
from benchmark.recording.tracking import projection
from benchmark.recording.tracking.projection import Projected, project
from leaderboard.app.mlflow_link import Answer, ask
from tests.leaderboard.records import Knobs, add_outcomes, evaluation, shelve

APP = Path(__file__).resolve().parents[3] / "leaderboard" / "app" / "main.py"
SMALL = Knobs(models=2, schedules=("early", "late"), sparsities=(0.5, 0.98))
OTHER = Knobs("supcon", models=2, schedules=("early",), sparsities=(0.5,))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_store: Path) -> Path:
    """A store with two evaluations, one of them in MLflow."""
    root = tmp_path_factory.mktemp("home")
    shutil.copyfile(empty_mlflow_store, root / "mlflow.db")
    for path, knobs in zip(shelve(root, evaluation(SMALL), evaluation(OTHER)), (SMALL, OTHER), strict=True):
        record = add_outcomes(path, _digested(evaluation(knobs)))
        if knobs is SMALL:
            project(record, path, root)
    return root


def _digested(record: EvaluationRecord) -> EvaluationRecord:
    """Give the data the digests that MLflow wants."""
    facts = {task: {**about, "train_digest": "1" * 64} for task, about in record.datasets.items()}
    return record.model_copy(update={"datasets": facts})


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"]
    command += ["--port", str(port), "--workers", "1"]
    quiet = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    process = subprocess.Popen(command, cwd=home, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)  # fmt: skip
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                    break
            except OSError:
                assert time.monotonic() < deadline, "mlflow server does not start"
                time.sleep(0.3)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # workers too: they may take minutes to end
        process.wait()


def _ids(answer: Answer) -> tuple[str, str, list[str]]:
    """Take experiment, run and curve ids out of the addresses of an answer."""
    assert answer.run is not None
    assert answer.curves is not None
    _, _, after = answer.run.partition("/#/experiments/")
    experiment, _, run = after.partition("/runs/")
    return experiment, run, json.loads(unquote(answer.curves).partition("runs=")[2].partition("&")[0])


def _run(server: str, run_id: str) -> dict[str, str]:
    """Ask a server over its interface for the tags of a run, as somebody who follows the link would see them."""
    with urllib.request.urlopen(f"{server}/api/2.0/mlflow/runs/get?run_id={run_id}", timeout=30) as answered:
        return {tag["key"]: tag["value"] for tag in json.load(answered)["run"]["data"]["tags"]}


def test_with_a_server_the_links_lead_to_the_very_run_and_its_curves(
    home: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    record = evaluation(SMALL)
    answer = ask(record, home, server)
    assert (answer.run or "").startswith(f"{server}/#/experiments/")
    _, run, curves = _ids(answer)
    assert _run(server, run)["fmn.evaluation_key"] == record.evaluation_key
    children = [_run(server, each) for each in curves]
    assert {child["mlflow.parentRunId"] for child in children} == {run}
    assert {child["mlflow.runName"] for child in children} == {
        f"{name} seed=0 digits/resnet8" for name in ("dense s=0", "early s=0.98", "late s=0.98")
    }
    elsewhere = ask(record, home, server, "https://me:secret@mlflow.example.org/logs/")
    assert (elsewhere.run or "").startswith("https://mlflow.example.org/logs/#/experiments/")
    assert "does not know this evaluation" in ask(evaluation(OTHER), home, server).sentence


def test_without_a_server_the_command_is_shown_with_the_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    answer = ask(evaluation(SMALL), home)
    assert answer.command == f"mlflow ui --backend-store-uri sqlite:///{home / 'mlflow.db'}"
    assert "experiment digits-1.0, run simclr, " in answer.sentence
    assert len(_ids(answer)[2]) == 3


def test_a_server_that_is_away_is_one_sentence_that_shows_no_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = "http://me:secret@127.0.0.1:9"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", away)
    answer = ask(evaluation(SMALL), home, away)
    assert answer == Answer("MLflow does not answer at http://127.0.0.1:9. The board does not need it.")


def test_looking_does_not_make_a_log_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert "no log here yet" in ask(evaluation(SMALL), tmp_path).sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("hostile", ["1/../../x", "javascript:alert(1)", "", "x y"])
def test_an_id_that_is_none_becomes_no_link(home: Path, monkeypatch: pytest.MonkeyPatch, hostile: str) -> None:
    def lying(record: EvaluationRecord, home: Path) -> Projected:
        return Projected("1", hostile, ())

    monkeypatch.setattr(projection, "find", lying)
    answer = ask(evaluation(SMALL), home, "http://127.0.0.1:9")
    assert (answer.run, answer.curves) == (None, None)


def test_a_password_of_a_database_is_not_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "find", lambda record, home: Projected("1", "abc", ()))
    answer = ask(evaluation(SMALL), home, "postgresql://mlflow:secret@database/mlflow")
    assert answer.command == 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    assert "secret" not in repr(answer)


def test_the_page_asks_mlflow_only_on_request(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMN_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    asked: list[str] = []
    real = projection.find

    def counting(record: EvaluationRecord, home: Path) -> Projected | None:
        asked.append(record.submission.name)
        return real(record, home)

    monkeypatch.setattr(projection, "find", counting)
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params["submission"] = "simclr"
    app.run().switch_page("views/submission.py").run()
    assert not app.exception
    assert asked == []
    app.toggle(key="mlflow").set_value(True).run().run()
    assert not app.exception
    assert asked == ["simclr"]
    assert any(each.value.startswith("mlflow ui --backend-store-uri sqlite:///") for each in app.code)
    assert [each.label for each in app.link_button if "/#/" in each.url] == [
        "Its run in MLflow", "Its training curves in MLflow"
    ]  # fmt: skip
