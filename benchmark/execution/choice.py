"""Which executor a command uses, and the one line that is said when submitted code will not be isolated."""

from __future__ import annotations

from benchmark.execution.docker import EngineProblem
from benchmark.execution.docker_executor import DockerExecutor
from benchmark.execution.executor import ExecutorChoice
from benchmark.execution.home import Home
from benchmark.execution.images import ImageProblem
from benchmark.execution.process import ProcessExecutor


def choose_executor(choice: ExecutorChoice, home: Home) -> tuple[DockerExecutor | ProcessExecutor, str | None]:
    """Resolve `auto`, `docker` or `process`.

    `auto` is docker where an engine answers and the images hold the running code, else process: it never builds images
    of several gigabytes unasked.

    Returns:
        The executor, and a warning for whoever asked if isolation is off.

    Raises:
        EngineProblem: `docker` is asked for and no engine answers.
        ImageProblem: `docker` is asked for and its images are missing or stale.
    """
    if choice == "process":
        return ProcessExecutor(), "isolation is off: submitted code runs as a process of yours (EXECUTOR=process)"
    try:
        return DockerExecutor(home), None
    except (EngineProblem, ImageProblem) as problem:
        if choice == "docker":
            raise
        return ProcessExecutor(), f"isolation is off: submitted code runs as a process of yours, because {problem}"
