"""Podman on the nodes of the test cluster: skipped where it is missing, a failure with FMN_REQUIRE_SLURM_CONTAINER=1.

The nodes are this machine. `start_podman.sh` gives Podman its images, and says what to export.
"""

from __future__ import annotations

import subprocess
from functools import cache

from benchmark.executors.docker.images import TRAINER_IMAGE, code_digest
from benchmark.executors.slurm.containers import Container, UnfitNodeError, checked_image
from benchmark.executors.slurm.held_container import container_name
from benchmark.executors.slurm.node_job import FOLDER
from benchmark.executors.slurm.options import OPTIONS_FILE
from benchmark.store.layout import Home
from tests.executors.slurm.cluster import require_slurm
from tests.needs import lacking

HOW_TO = "run tests/executors/slurm/start_podman.sh and export what it says"


def require_podman_on_nodes() -> None:
    """Skip the calling test where no node can run containers, and say why; fail instead where that is required."""
    require_slurm()
    problem = _problem()
    if problem is not None:
        lacking(problem, "FMN_REQUIRE_SLURM_CONTAINER", HOW_TO)


@cache
def _problem() -> str | None:
    try:
        checked_image(Container("podman", TRAINER_IMAGE, code_digest()))
    except UnfitNodeError as problem:
        return str(problem)
    return None


def ask_for_podman(home: Home) -> None:
    """Have jobs of a home run submitted code in Podman's containers."""
    home.root.mkdir(parents=True, exist_ok=True)
    (home.root / OPTIONS_FILE).write_text("slurm:\n  container: podman\n")


def containers_on_nodes(home: Home) -> list[str]:
    """List the containers of a home that are there, by name and status."""
    of_home = container_name(home.root / FOLDER / "any job").rpartition("-")[0]
    command = ["podman", "ps", "--all", f"--filter=name=^{of_home}-", "--format={{.Names}} {{.Status}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
