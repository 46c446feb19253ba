"""What holds for every test, and the one expensive thing that many share: a home in which something was evaluated.

Hypothesis judges results, never speed, since a busy machine is no property of the code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from benchmark.recording.archive import read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.spec import BenchmarkSpec
from benchmark.spec.documents.loading import load_spec

ROOT = Path(__file__).resolve().parents[1]
OLD_RECORD = ROOT / "tests" / "golden" / "digits-1.0" / "random_init-84d57f544be1.json"
"""A record that once shipped, with all that belongs to it: from before metrics had versions and areas were kept."""
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # so that tests import one another's helpers as `tests.executors.warm`

MARKED = {
    "engine": ("hostile", "executors/docker/test_docker.py"),
    "browser": (
        "leaderboard/app/test_browser.py", "leaderboard/app/test_many_methods.py",
        "leaderboard/export/test_site_browser.py",
    ),
    "slow": ("test_installed.py",),
    "slurm": ("executors/slurm/test_jobs.py", "executors/slurm/test_contained_jobs.py"),
}
"""Folders and files below `tests/` whose tests all carry a marker, by marker; `.ci/run quick` leaves them out."""

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

TINY = """\
name: tiny
version: "1.0"
tier: smoke
tasks:
  - dataset: {name: digits}
    encoder: {name: resnet8, width: 2}
    training: {epochs: 2, batch_size: 128}
sparsities: [0.5, 0.9]
schedules:
  - {name: ramp, kind: gradual, begin: 0.2, end: 0.6, updates: 4}
  - {name: shot, kind: one_shot, at: 0.5}
  - {name: shot-random, kind: one_shot, at: 0.5, criterion: random}
population: {models: 2}
evaluation: {linear: {l2: 1.0e-2, tolerance: 1.0e-3}, bootstrap: {draws: 100}}
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their path, before `-m` selects."""
    for item in items:
        for marker, places in MARKED.items():
            if any(item.path.is_relative_to(ROOT / "tests" / place) for place in places):
                item.add_marker(marker)


@dataclass(frozen=True)
class Evaluated:
    """A home after `fmn evaluate` of the plain submission on the tiny specification.

    Attributes:
        root: the home.
        record: what came out.
        path: where the record is.
        printed: what the command printed.
    """

    root: Path
    record: EvaluationRecord
    path: Path
    printed: str


@pytest.fixture(scope="session", autouse=True)
def _a_home_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep every test and every process it starts away from the user's states, records, keys and MLflow; one thread."""
    os.environ["FMN_HOME"] = str(tmp_path_factory.mktemp("unused-home"))
    os.environ["FMN_CONFIG"] = str(tmp_path_factory.mktemp("config"))
    os.environ["FMN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["FMN_RESULTS"] = str(tmp_path_factory.mktemp("unused-results"))
    os.environ.pop("FMN_TRUSTED_KEYS", None)
    os.environ["OMP_NUM_THREADS"] = "1"
    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture(scope="session")
def tiny_spec_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A specification of 14 runs that trains in a second: 20 updates of a network of width 2, two models."""
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def tiny_spec(tiny_spec_file: Path) -> BenchmarkSpec:
    """The tiny specification, read."""
    return load_spec(str(tiny_spec_file))


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission that learns: cross-entropy without augmentation."""
    from tests.executors.submissions import write_submission

    return write_submission(tmp_path_factory.mktemp("submissions") / "plain")


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory, tiny_spec_file: Path, plain: Path) -> Evaluated:
    """`fmn evaluate PATH --spec PATH`, once, as a user runs it. Copy the home before changing anything in it."""
    root = tmp_path_factory.mktemp("evaluated") / "home"
    command = [sys.executable, "-m", "benchmark", "evaluate", str(plain), "--spec", str(tiny_spec_file)]
    command += ["--executor", "process", "--device", "cpu"]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = subprocess.run(
        command, env=os.environ | {"FMN_HOME": str(root)}, cwd=elsewhere, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (root / "records").rglob("*.json")
    return Evaluated(root, read_record(path), path, done.stdout)


@pytest.fixture(scope="session")
def empty_mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite store of MLflow with its tables made, to be copied; making them takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path
