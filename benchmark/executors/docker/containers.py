"""Starts the containers of one dispatcher: each with its labels, its limits, and a watchdog that runs meanwhile."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from benchmark.executors.base import ProgramResult
from benchmark.executors.docker.engine import Container, Engine, EngineError, Exit, Image
from benchmark.executors.docker.limits import (
    DEADLINE_LABEL,
    DISPATCHER_LABEL,
    HOME_LABEL,
    ROLE_LABEL,
    Limits,
    gpu_request,
    host_config,
)
from benchmark.executors.docker.podman import podman_config
from benchmark.executors.docker.watchdog import Watchdog
from benchmark.executors.programs import MAX_ANSWER_BYTES, MAX_SHOWN_BYTES
from benchmark.spec.canonical import digest
from benchmark.store.layout import Home

logger = logging.getLogger(__name__)

Role = Literal["probe", "trial", "trainer", "scorer", "janitor"]
"""What a container is for: `probe` describes the machine, `janitor` empties an outbox that is closed to its host."""

Mounts = Mapping[str, tuple[Path, bool]]
"""Per path inside, the path on this machine and whether it may be written."""


class Containers:
    """Starts containers of a home through an engine.

    Args:
        engine: where they run.
        info: what the engine reports about itself.
        home: whose jobs they do; its name is on their labels, and the watchdog's log in its folder.
        limits: sizes of all containers that may run submitted code.
        scorer_limits: sizes of the scorer's.
    """

    def __init__(
        self, engine: Engine, info: Mapping[str, Any], home: Home, limits: Limits, scorer_limits: Limits
    ) -> None:
        self._engine, self._info, self._home = engine, info, home
        self._limits, self._scorer_limits = limits, scorer_limits
        self.labels = {HOME_LABEL: home_label(home), DISPATCHER_LABEL: uuid.uuid4().hex}
        self._watchdog: Watchdog | None = None

    def start(
        self, role: Role, image: Image, command: list[str], mounts: Mounts, *, limit_s: float, gpus: Sequence[str] = ()
    ) -> Container:
        """Start a container that sees the GPUs of these ids.

        Raises:
            EngineError: the engine refuses.
            ExecutorError: the watchdog does not stay alive.
            ValueError: the engine cannot pass a GPU through, in one sentence.
        """
        self.check_watchdog()
        is_scorer = role == "scorer"
        config = host_config(
            self._scorer_limits if is_scorer else self._limits, mounts, num_cpus=None if is_scorer else 1,
            device_requests=[gpu_request(self._info, *gpus)] if gpus else [],
            has_own_init=role == "trainer",
        )  # fmt: skip
        if self._engine.is_podman:
            config = podman_config(config, self._home.root)
        labels = {**self.labels, ROLE_LABEL: role, DEADLINE_LABEL: str(time.time() + limit_s)}
        return self._engine.start(image, command, config, labels)

    def run(
        self, role: Role, image: Image, command: list[str], mounts: Mounts, *, limit_s: float, gpus: Sequence[str] = ()
    ) -> ProgramResult:
        """Run a container to its end, at most `limit_s` seconds, and remove it; errors as those of `start`."""
        container = self.start(role, image, command, mounts, limit_s=limit_s, gpus=gpus)
        try:
            ended = container.join(limit_s) or Exit(None)
            if ended.lost is not None:
                raise EngineError(f"the engine lost a container: {ended.lost}")
            stdout = container.printed(MAX_ANSWER_BYTES, stderr=False)
            return ProgramResult(ended.code, stdout, container.printed(MAX_SHOWN_BYTES, stdout=False))
        finally:
            container.remove()

    def check_watchdog(self) -> None:
        """Make sure that a watchdog runs; the first is started here.

        Raises:
            ExecutorError: it does not stay alive.
        """
        if self._watchdog is None:
            dispatcher = self.labels[DISPATCHER_LABEL]
            self._watchdog = Watchdog(dispatcher, self._home.logs / f"watchdog-{dispatcher[:12]}.log")
        else:
            self._watchdog.check()

    def remove_orphans(self) -> int:
        """Remove trainers and scorers of this home that a dead dispatcher has left, and return how many.

        Probes, trials and janitors stay: a living dispatcher that waits for the home's lock may have started them, and
        those of a dead one are removed by its watchdog.
        """
        mine, roles = {HOME_LABEL: self.labels[HOME_LABEL]}, ("trainer", "scorer")
        num_removed = sum(self._engine.remove_labelled({**mine, ROLE_LABEL: role}) for role in roles)
        if num_removed:
            logger.warning("%d containers of a dispatcher that has died were removed", num_removed)
        return num_removed

    def close(self) -> None:
        """End the watchdog."""
        if self._watchdog is not None:
            self._watchdog.close()


def home_label(home: Home) -> str:
    """Return the name of a home on the labels of its containers, which does not show its path."""
    return digest({"home": str(home.root.resolve())})[:32]
