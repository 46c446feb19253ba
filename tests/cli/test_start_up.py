"""What each door may import: libraries that take long come in where they are used, so that small commands are quick.

What is measured in seconds depends on the machine (`python -m bench.commands.start_up`); what is imported does not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Evaluated
from tests.executors.warm import copy_home

HEAVY = ("torch", "kornia", "torchvision", "scipy", "sklearn", "statsmodels", "mlflow", "sqlalchemy", "pandas",
         "pyarrow", "streamlit", "altair", "docker", "requests")  # fmt: skip
"""Libraries that take a tenth of a second or more to import."""

LIGHT = (*HEAVY, "numpy", "pydantic", "yaml", "cryptography")

PROGRAM = """
import atexit, os, sys
def report():
    print("imported:", *sorted(name for name in sys.argv.pop().split(",") if name in sys.modules), file=sys.stderr)
atexit.register(report)
words = sys.argv[2:]
wanted = sys.argv[1]
sys.argv = ["fmn", *words]
from benchmark.cli.app import main
try:
    main()
finally:
    sys.argv = ["fmn", wanted]
"""


def imported_by(words: list[str], names: tuple[str, ...], folder: Path, home: Path) -> set[str]:
    """Run a command as a user does, and return which of some libraries it imported."""
    command = [sys.executable, "-c", PROGRAM, ",".join(names), *words]
    environment = os.environ | {"FMN_HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return set(done.stderr.rpartition("imported:")[2].split())


@pytest.mark.parametrize("words", [["--help"], ["evaluate", "--help"], ["plan", "--help"], ["verify", "--help"]])
def test_help_imports_nothing_that_takes_time(words: list[str], tmp_path: Path) -> None:
    allowed = {"pydantic"} if len(words) > 1 else set[str]()  # typer asks it about the types of a verb's options
    assert imported_by(words, LIGHT, tmp_path, tmp_path / "home") <= allowed


def test_a_new_submission_needs_no_library_that_computes(tmp_path: Path) -> None:
    assert imported_by(["new", "mine"], HEAVY, tmp_path, tmp_path / "home") == set()


def test_checking_leaves_torch_to_the_trial(
    tmp_path: Path, tiny_spec_file: Path, plain: Path, evaluated: Evaluated
) -> None:
    """The digits were decoded when something was evaluated; scikit-learn is not needed for them again."""
    copy_home(evaluated.root, tmp_path / "home")
    words = ["check", str(plain), "--spec", str(tiny_spec_file), "--executor", "process"]
    assert imported_by(words, HEAVY, tmp_path, tmp_path / "home") == set()


def test_planning_and_evaluating_what_is_done_compute_nothing(
    tmp_path: Path, tiny_spec_file: Path, plain: Path, evaluated: Evaluated
) -> None:
    """No torch, no scikit-learn, no scorer, no MLflow: 90 % of the time of these commands was imports."""
    copy_home(evaluated.root, tmp_path / "home")
    words = [str(plain), "--spec", str(tiny_spec_file), "--executor", "process", "--device", "cpu"]
    assert imported_by(["plan", *words], ("scipy", *HEAVY[:5]), tmp_path, tmp_path / "home") <= {"scipy"}
    imported_by(["evaluate", *words], HEAVY, tmp_path, tmp_path / "home")  # paths of another home: scored again
    assert imported_by(["evaluate", *words], HEAVY, tmp_path, tmp_path / "home") == set()
    assert imported_by(["plan", *words], HEAVY, tmp_path, tmp_path / "home") <= {"scipy"}  # it fits a cost to times
