"""A real Slurm for tests: skipped with one line where there is none, a failure with FMN_REQUIRE_SLURM=1."""

from __future__ import annotations

import os
import subprocess
from functools import cache

import pytest

from benchmark.executors.slurm.scheduler import SlurmError, demand_slurm, run_command

HOW_TO = "run tests/executors/slurm/start_slurm.sh and export SLURM_CONF as it says"


def require_slurm() -> None:
    """Skip the calling test where no Slurm answers, and say why; fail instead where one is required."""
    problem = _problem()
    if problem is not None and os.environ.get("FMN_REQUIRE_SLURM") == "1":
        pytest.fail(f"{problem}; FMN_REQUIRE_SLURM=1 makes that a failure")
    if problem is not None:
        pytest.skip(f"{problem}: {HOW_TO}")


@cache
def _problem() -> str | None:
    try:
        demand_slurm()
    except SlurmError as problem:
        return str(problem)
    return None


def queue() -> list[str]:
    """Give name and state of all jobs that wait or run."""
    return run_command("squeue", "--me", "--noheader", "--format=%j %T").split("\n")[:-1]


def scontrol(*words: str) -> None:
    """Do something that only an operator may do."""
    subprocess.run(["scontrol", *words], check=True, capture_output=True)
