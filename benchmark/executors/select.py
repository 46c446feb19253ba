"""Selects the executor of a command, with a warning where submitted code will not be isolated."""

from __future__ import annotations

from benchmark.executors.base import ExecutorChoice
from benchmark.executors.docker.engine import EngineError
from benchmark.executors.docker.executor import DockerExecutor
from benchmark.executors.docker.images import ImageError
from benchmark.executors.process import ProcessExecutor
from benchmark.store.layout import Home


def choose_executor(choice: ExecutorChoice, home: Home) -> tuple[DockerExecutor | ProcessExecutor, str | None]:
    """Resolve `auto`, `docker` or `process`.

    `auto` is docker where an engine answers and the images hold the running code, else process. It never builds images,
    which have several gigabytes.

    Returns:
        The executor, and one line for the user if isolation is off.

    Raises:
        EngineError: `docker` is asked for and no engine answers.
        ImageError: `docker` is asked for and its images are missing or stale.
    """
    if choice == "process":
        return ProcessExecutor(), "isolation is off: submitted code runs as a process of yours (EXECUTOR=process)"
    try:
        return DockerExecutor(home), None
    except (EngineError, ImageError) as problem:
        if choice == "docker":
            raise
        return ProcessExecutor(), f"isolation is off: submitted code runs as a process of yours, because {problem}"
