"""A trainer in a container: what ended it is taken from the engine and the clock, never from what it printed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from benchmark.executors.base import PreparedJob
from benchmark.executors.docker.engine import Container, Exit
from benchmark.executors.docker.limits import Limits
from benchmark.executors.failure import Evidence, reported_code
from benchmark.executors.output_log import LogFile
from benchmark.store.outbox import outbox_excess, remove_depths

_MAX_REPORT_BYTES = 100

_LOOK_EVERY_S = 1.0
"""How often the size of an outbox is looked at."""


class NotStarted:
    """A trainer that the engine has refused to start, for `problem`."""

    def __init__(self, problem: str) -> None:
        self._evidence = Evidence(exit_code=None, start_error=problem)

    def poll(self) -> Evidence:
        """Return why."""
        return self._evidence

    def kill(self) -> None:
        """Do nothing: there is no container."""


class DockerTrainer:
    """A trainer in a container.

    Args:
        container: where it runs.
        prepared: its job.
        limits: its sizes.
        deadline: when its time is over, in seconds since 1970.
        check_watchdog: called every second; raises when nothing watches containers any longer.
        on_end: called once when it has ended.
    """

    def __init__(
        self, container: Container, prepared: PreparedJob, limits: Limits, deadline: float,
        check_watchdog: Callable[[], None], on_end: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._container, self._prepared, self._limits, self._deadline = container, prepared, limits, deadline
        self._check_watchdog, self._on_end = check_watchdog, on_end
        self._next_look = 0.0
        self._evidence: Evidence | None = None

    def poll(self) -> Evidence | None:
        """Return how it ended, or None while it runs; one past its deadline or with too large an outbox is ended here.

        Raises:
            ExecutorError: the watchdog does not stay alive.
        """
        if self._evidence is None:
            ended = self._container.poll()
            found = self._judge(ended) if ended else self._look()
            if found is not None:
                self._finish(found)
        return self._evidence

    def _judge(self, ended: Exit) -> Evidence:
        """Decide by the report of the container's first process, to which submitted code has no access.

        The kernel's memory event alone does not count: it may have killed a child of a trainer that lived on. The
        trainer itself must have ended by SIGKILL, which nothing in its container can have sent (`seccomp`).
        """
        if ended.lost is not None:
            return Evidence(exit_code=None, lost=ended.lost)
        code = reported_code(self._container.printed(_MAX_REPORT_BYTES, stderr=False))
        if code is not None:
            return Evidence(exit_code=code, memory_event=ended.memory_event and code == -signal.SIGKILL)
        if time.time() > self._deadline:
            return Evidence(exit_code=None, past_deadline=True)  # the watchdog was faster
        if ended.memory_event:
            return Evidence(exit_code=None, memory_event=True)
        return Evidence(exit_code=None, lost=f"its container ended without a report, with exit code {ended.code}")

    def _look(self) -> Evidence | None:
        if time.time() > self._deadline:
            return Evidence(exit_code=None, past_deadline=True)
        if time.monotonic() < self._next_look:
            return None
        self._check_watchdog()
        excess = outbox_excess(self._prepared.outbox, self._limits.outbox, self._limits.outbox_entries)
        self._next_look = time.monotonic() + _LOOK_EVERY_S
        return Evidence(exit_code=None, refused_file=excess) if excess else None

    def kill(self) -> None:
        """End it, if it has not ended, and remove its container; what is in the outbox stays."""
        if self._evidence is None:
            self._finish(Evidence(exit_code=None))

    def _finish(self, evidence: Evidence) -> None:
        self._container.kill()
        printed = self._container.printed(self._limits.log, stdout=False)
        self._container.remove()
        LogFile(self._prepared.log, self._limits.log).write(printed.encode())
        remove_depths(self._prepared.outbox)
        self._evidence = evidence
        self._on_end()
