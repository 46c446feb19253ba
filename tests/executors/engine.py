"""The Docker engine for tests: skipped with one line where there is none, a failure with FMN_REQUIRE_ENGINE=1."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import docker

from benchmark.executors.docker.containers import home_label
from benchmark.executors.docker.engine import EngineError
from benchmark.executors.docker.executor import DockerExecutor
from benchmark.executors.docker.images import ImageError, build_images
from benchmark.executors.docker.limits import HOME_LABEL
from benchmark.store.layout import Home
from tests.needs import lacking

HOW_TO = "start a Docker engine (dockerd) and set FMN_BASE_IMAGE to run these tests"


def require_engine(tmp_path: Path) -> None:
    """Skip the calling test where containers cannot be started, and say why; fail instead where one is required."""
    problem = _problem(tmp_path)
    if problem is not None:
        lacking(problem, "FMN_REQUIRE_ENGINE", HOW_TO)


@cache
def _problem(tmp_path: Path) -> str | None:
    """Say why containers cannot be started; stale or missing images are built where it is known from what."""
    try:
        DockerExecutor(Home(tmp_path)).close()
    except EngineError as problem:
        return str(problem)
    except ImageError as problem:
        if "FMN_BASE_IMAGE" not in os.environ:
            return str(problem)
        wheels = os.environ.get("FMN_WHEELS")
        try:
            build_images(os.environ["FMN_BASE_IMAGE"], Path(wheels) if wheels else None)
        except ImageError as problem:
            return str(problem)
    return None


def left_behind(home: Home) -> list[str]:
    """List the containers that are left of a home, by name and status; other tests may have theirs at the same time."""
    client = docker.from_env()
    try:
        containers = client.api.containers(all=True, filters={"label": f"{HOME_LABEL}={home_label(home)}"})
        return [f"{each['Names'][0]} {each['Status']}" for each in containers]
    finally:
        client.close()
