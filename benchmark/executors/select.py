"""Selects the executor of a command, with a warning where submitted code will not be isolated."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from benchmark.executors.choices import ExecutorChoice
from benchmark.executors.errors import EngineError, ExecutorError
from benchmark.executors.process import ProcessExecutor
from benchmark.recording.isolation import Isolation
from benchmark.settings import read_settings
from benchmark.store.layout import Home

_DEFAULT_SOCKET = "/var/run/docker.sock"
"""Where an engine listens unless `DOCKER_HOST` names another place."""

_ON_NODES: dict[Isolation, str] = {
    "none": "isolation is off: submitted code runs as a job of yours on the cluster's nodes",
    "podman": "submitted code runs in Podman's containers on the cluster's nodes: only Slurm limits their memory",
    "apptainer": "submitted code runs in Apptainer's containers on the cluster's nodes, as you: only Slurm limits them",
}
"""What a user is told of isolation on a cluster."""

if TYPE_CHECKING:
    from benchmark.executors.docker.executor import DockerExecutor
    from benchmark.executors.slurm.executor import SlurmExecutor


def choose_executor(
    choice: ExecutorChoice, home: Home
) -> tuple[DockerExecutor | ProcessExecutor | SlurmExecutor, str | None]:
    """Resolve `auto`, `docker`, `process` or `slurm`.

    `auto` is docker where an engine answers and the images hold the running code, else process. It never builds images,
    which have several gigabytes, and never submits to a cluster.

    Returns:
        The executor, and one line for the user if isolation is off, or rests on the nodes of a cluster.

    Raises:
        EngineError: `docker` is asked for and no engine answers.
        ImageError: `docker` is asked for and its images are missing or stale, or a cluster's image cannot be named.
        SlurmError: `slurm` is asked for and cannot be used here.
    """
    if choice == "process":
        return ProcessExecutor(), "isolation is off: submitted code runs as a process of yours (EXECUTOR=process)"
    if choice == "slurm":
        from benchmark.executors.slurm.executor import SlurmExecutor

        executor = SlurmExecutor(home)
        return executor, _ON_NODES[executor.isolation]
    try:
        return _docker(home), None
    except ExecutorError as problem:
        if choice == "docker":
            raise
        return ProcessExecutor(), f"isolation is off: submitted code runs as a process of yours, because {problem}"


def _docker(home: Home) -> DockerExecutor:
    """Return the docker executor. The SDK takes half a second to import, so it is not where no engine can be."""
    _demand_listener()
    from benchmark.executors.docker.executor import DockerExecutor

    return DockerExecutor(home)


def _demand_listener() -> None:
    """Refuse to go on where DOCKER_HOST names no engine and nobody listens in the usual place."""
    if read_settings().docker_host:
        return  # the SDK reads the address
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(10)
        if failure := probe.connect_ex(_DEFAULT_SOCKET):
            said = f"[Errno {failure}] {os.strerror(failure)}"
            raise EngineError(f"no Docker engine answers ({said}); is it running, and may you use it?")
