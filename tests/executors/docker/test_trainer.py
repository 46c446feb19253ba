"""How the end of a container becomes evidence; the engine is a stand-in, so that none is needed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from benchmark.executors.docker.engine import Exit
from benchmark.executors.docker.limits import Limits
from benchmark.executors.docker.trainer import DockerTrainer
from benchmark.executors.failure import decide


class Ended:
    """A container that has ended.

    Args:
        end: how, as the engine says.
        report: what its first process printed of the trainer's end.
    """

    def __init__(self, end: Exit, report: str) -> None:
        self.end, self.report = end, report

    def poll(self) -> Exit:
        return self.end

    def printed(self, _limit: int, *, stdout: bool = True, stderr: bool = True) -> str:
        assert stdout != stderr
        return self.report if stdout else "what a submission prints: signal 9\n"

    def kill(self) -> None:
        """Do nothing: it has ended."""

    def remove(self) -> None:
        """Do nothing: it never was."""


class Job:
    """A job of which nothing but its files is looked at."""

    def __init__(self, folder: Path) -> None:
        self.outbox, self.log = folder / "outbox", folder / "log"
        self.outbox.mkdir()


@pytest.mark.parametrize(
    ("report", "memory_event", "reason", "says"),
    [
        ("signal 9\n", True, "out_of_memory", "memory limit"),
        # Its child was the kernel's victim; the trainer lived on and ended itself:
        ("exit 137\n", True, "submission", "exit code 137"),
        ("exit 9\n", True, "submission", "exit code 9"),
        ("exit 0\n", True, "submission", "without delivering"),
        ("signal 15\n", True, "submission", "signal 15"),
        ("signal 9\n", False, "environment", "SIGKILL"),
        ("", True, "out_of_memory", "memory limit"),  # the first process itself was the victim
        ("", False, "environment", "without a report"),
    ],
)
def test_only_a_trainer_that_the_kernel_itself_has_ended_is_out_of_memory(
    report: str, memory_event: bool, reason: str, says: str, tmp_path: Path
) -> None:
    """A child that was driven out of memory passed for the trainer's own end, however that had ended itself."""
    container: Any = Ended(Exit(137, memory_event=memory_event), report)
    job: Any = Job(tmp_path)
    evidence = DockerTrainer(container, job, Limits(), time.time() + 60, lambda: None).poll()
    assert evidence is not None
    decided, message = decide(evidence)
    assert decided == reason
    assert says in message
