"""What `compose.yaml` brings up: a log and a board that answer, read records only, and keep what they were told.

It needs what `compose_up.sh` beside it starts, and is skipped otherwise: FMN_SERVED=1 FMN_SERVED_FOLDER=FOLDER.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from mlflow import MlflowClient

from benchmark.recording.archive import find_records

FOLDER = Path(os.environ.get("FMN_SERVED_FOLDER") or "/var/tmp/forget-me-not-serve")
SERVICES = ("database", "mlflow", "leaderboard")
MLFLOW, BOARD = "http://127.0.0.1:5000", "http://127.0.0.1:8501"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"

pytestmark = pytest.mark.skipif(
    os.environ.get("FMN_SERVED") != "1",
    reason="nothing is served here: run tests/serve/compose_up.sh, and set FMN_SERVED=1",
)


def podman(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(FOLDER / "bin/podman"), *words], capture_output=True, text=True, check=False)


def inside(service: str, program: str) -> str:
    """Return what a Python program prints in the container of a service; `OSError` instead by its number."""
    lines = "\n".join(f"    {line}" for line in program.splitlines())
    guarded = f"try:\n{lines}\nexcept OSError as error:\n    print(error.errno)"
    done = podman("exec", f"forget-me-not_{service}_1", "python3", "-c", guarded)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def logged_metric(name: str) -> list[float]:
    client = MlflowClient(MLFLOW)
    found = client.get_experiment_by_name(name)
    assert found is not None
    return [run.data.metrics["accuracy"] for run in client.search_runs([found.experiment_id])]


@pytest.fixture
def experiment() -> str:
    """Return the name of an experiment with one run, which has a metric and a file."""
    name, client = f"served-{uuid.uuid4().hex[:8]}", MlflowClient(MLFLOW)
    run = client.create_run(client.create_experiment(name))
    client.log_metric(run.info.run_id, "accuracy", 0.75)
    client.log_text(run.info.run_id, "kept", "note.txt")
    client.set_terminated(run.info.run_id)
    return name


def demand_everything_healthy() -> None:
    states = {service: podman("healthcheck", "run", f"forget-me-not_{service}_1").returncode for service in SERVICES}
    assert states == dict.fromkeys(SERVICES, 0)


def test_every_service_is_healthy() -> None:
    demand_everything_healthy()


def test_a_metric_that_was_logged_is_read_back(experiment: str) -> None:
    assert logged_metric(experiment) == [0.75]


def test_the_board_cannot_write_into_the_home_and_can_read_every_record() -> None:
    read_only = "30"  # EROFS
    assert inside("leaderboard", "open('/records-home/written', 'w')") == read_only
    assert inside("leaderboard", "open('/opt/code/written', 'w')") == read_only
    assert inside("mlflow", "open('/opt/code/written', 'w')") == read_only
    read = "import pathlib\nprint(*(len(f.read_bytes()) > 0 for f in pathlib.Path('/records-home').rglob('*.json.gz')))"
    assert inside("leaderboard", read) == "True True"


def test_no_private_key_and_no_right_is_inside() -> None:
    status = inside("leaderboard", "print(open('/proc/self/status').read())")
    rights = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (rights["CapEff"], rights["CapBnd"], rights["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
    assert rights["Uid"].split() == ["65534"] * 4


def test_the_database_is_on_no_port_of_this_machine_and_has_no_way_out() -> None:
    assert podman("port", "forget-me-not_database_1").stdout == ""
    with socket.socket() as probe:
        probe.settimeout(5)
        assert probe.connect_ex(("127.0.0.1", 5432)) != 0, "a PostgreSQL of this machine itself would answer as well"
    routes = podman("exec", "forget-me-not_database_1", "cat", "/proc/net/route").stdout.splitlines()[1:]
    assert routes, "it has a network"
    assert [route for route in routes if route.split()[1] == "00000000"] == []


def test_the_database_asks_for_its_password() -> None:
    connect = "import psycopg2\npsycopg2.connect('postgresql://mlflow:wrong@database/mlflow')"
    refused = podman("exec", "forget-me-not_mlflow_1", "python3", "-c", connect)
    assert refused.returncode == 1
    assert "password authentication failed" in refused.stderr


def test_records_are_projected_by_the_command_that_operators_are_told() -> None:
    command = [sys.executable, "-m", "benchmark", "rebuild-mlflow"]
    environment = os.environ | {"MLFLOW_TRACKING_URI": MLFLOW, "FMN_HOME": str(FOLDER / "home")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("in MLflow: 2 records, ")
    client = MlflowClient(MLFLOW)
    found = client.get_experiment_by_name("digits-1.0")
    assert found is not None
    runs = client.search_runs([found.experiment_id], max_results=5000)
    records, _ = find_records(FOLDER / "home" / "records")
    assert len(runs) == sum(1 + len(record.runs) for record, _ in records)


def test_a_person_sees_the_board(tmp_path: Path) -> None:
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium here (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    from tests.leaderboard.app.test_browser import ARGUMENTS, open_page

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        open_page(page, f"{BOARD}/?spec=digits-1.0+(smoke)&track=all")
        page.get_by_role("link", name="supervised", exact=True).first.wait_for()
        page.screenshot(path=os.environ.get("FMN_SERVED_SCREENSHOT") or tmp_path / "board.png")
        browser.close()


def test_what_was_logged_is_there_after_all_containers_were_made_again(experiment: str) -> None:
    for script in ("compose_down.sh", "compose_up.sh"):
        done = subprocess.run(
            [str(Path(__file__).with_name(script)), str(FOLDER)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    demand_everything_healthy()
    assert logged_metric(experiment) == [0.75]
    client = MlflowClient(MLFLOW)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    (run,) = client.search_runs([found.experiment_id])
    assert run.info.artifact_uri is not None
    listed = client.list_artifacts(run.info.run_id)
    assert [file.path for file in listed] == ["note.txt"]
