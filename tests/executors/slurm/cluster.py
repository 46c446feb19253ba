"""A real Slurm for tests: skipped with one line where there is none, a failure with FMN_REQUIRE_SLURM=1."""

from __future__ import annotations

import subprocess
import time
from functools import cache

from benchmark.executors.slurm.scheduler import SlurmError, demand_slurm
from tests.needs import lacking

HOW_TO = "run tests/executors/slurm/start_slurm.sh and export SLURM_CONF as it says"


def require_slurm() -> None:
    """Skip the calling test where no Slurm answers, and say why; fail instead where one is required."""
    problem = _problem()
    if problem is not None:
        lacking(problem, "FMN_REQUIRE_SLURM", HOW_TO)


@cache
def _problem() -> str | None:
    try:
        demand_slurm()
    except SlurmError as problem:
        return str(problem)
    return None


def take_down_and_resume(node: str) -> None:
    """Take a node down, so that its jobs are requeued, and bring it back; it may have come back by itself."""
    update = ["scontrol", "update", f"nodename={node}"]
    subprocess.run([*update, "state=down", "reason=test"], check=True, capture_output=True)
    subprocess.run([*update, "state=resume"], check=False, capture_output=True)
    up = ["sinfo", "--noheader", "--states=idle,mixed,allocated,completing", f"--nodes={node}"]
    deadline = time.monotonic() + 60
    while not subprocess.run(up, check=True, capture_output=True).stdout.strip():
        assert time.monotonic() < deadline, f"{node} stays down"
        subprocess.run([*update, "state=resume"], check=False, capture_output=True)
        time.sleep(0.5)
