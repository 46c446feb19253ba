"""Selects the executor of a command, with a warning where submitted code will not be isolated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.executors.base import ExecutorChoice
from benchmark.executors.docker.engine import EngineError
from benchmark.executors.docker.executor import DockerExecutor
from benchmark.executors.docker.images import ImageError
from benchmark.executors.process import ProcessExecutor
from benchmark.store.layout import Home

if TYPE_CHECKING:
    from benchmark.executors.slurm.executor import SlurmExecutor


def choose_executor(
    choice: ExecutorChoice, home: Home
) -> tuple[DockerExecutor | ProcessExecutor | SlurmExecutor, str | None]:
    """Resolve `auto`, `docker`, `process` or `slurm`.

    `auto` is docker where an engine answers and the images hold the running code, else process. It never builds images,
    which have several gigabytes, and never submits to a cluster.

    Returns:
        The executor, and one line for the user if isolation is off.

    Raises:
        EngineError: `docker` is asked for and no engine answers.
        ImageError: `docker` is asked for and its images are missing or stale.
        SlurmError: `slurm` is asked for and cannot be used here.
    """
    if choice == "process":
        return ProcessExecutor(), "isolation is off: submitted code runs as a process of yours (EXECUTOR=process)"
    if choice == "slurm":
        from benchmark.executors.slurm.executor import SlurmExecutor

        return SlurmExecutor(home), "isolation is off: submitted code runs as a job of yours on the cluster's nodes"
    try:
        return DockerExecutor(home), None
    except (EngineError, ImageError) as problem:
        if choice == "docker":
            raise
        return ProcessExecutor(), f"isolation is off: submitted code runs as a process of yours, because {problem}"
