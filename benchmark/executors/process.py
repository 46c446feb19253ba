"""The process executor: trainers and the scorer as child processes. It isolates nothing, and records say so."""

from __future__ import annotations

import json
import logging
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from benchmark.executors.base import PreparedJob, ProgramResult
from benchmark.executors.described_machine import may_have_gpu, remembered_environment
from benchmark.executors.errors import ExecutorError
from benchmark.executors.failure import Evidence
from benchmark.executors.output_log import Head, LogFile, OutputPump, Sink, Tail
from benchmark.executors.programs import (
    MAX_ANSWER_BYTES,
    MAX_SHOWN_BYTES,
    ONE_THREAD,
    describe_program,
    scorer_program,
    trainer_program,
    trial_program,
)
from benchmark.executors.scorer_end import scorer_failure
from benchmark.printable import spelled_out_bytes
from benchmark.recording.isolation import Isolation

logger = logging.getLogger(__name__)

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SYSTEMROOT")
"""Environment variables that a child may see; everything else stays with the dispatcher."""

_DESCRIBE_S = 300.0
"""Time limit of the description of this machine."""

_OUTPUT_COMPLETE_S = 5.0
"""How long the rest of a child's output is waited for once it has ended."""


class ChildProcess:
    """A program in a child process that leads a process group of its own: what it starts ends with it.

    It runs in Python's isolated mode in a new session, so that Ctrl-C reaches the dispatcher alone.

    Args:
        program: module and arguments.
        folder: its working directory.
        output: where its output goes.
        errors: where its standard error goes, if not there as well.
    """

    def __init__(self, program: Sequence[str], folder: Path, output: Sink, errors: Sink | None = None) -> None:
        command = [sys.executable, "-I", "-m", "benchmark.executors.parent_death", str(os.getpid()), *program]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if errors else subprocess.STDOUT, env=child_environment(), cwd=folder,
            start_new_session=True,
        )  # fmt: skip
        pipes = ((self._process.stdout, output), (self._process.stderr, errors))
        self._pumps = [OutputPump(pipe, sink) for pipe, sink in pipes if pipe and sink]
        self._is_gone = False

    @property
    def pid(self) -> int:
        """Id of the process, which is that of its group too."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return its exit code, negative for the signal that ended it, or None while it runs."""
        if not self._is_gone:
            if not _has_ended(self._process):
                return None
            self.kill()
        return self._process.returncode

    def join(self, timeout_s: float) -> int | None:
        """Wait for its end for at most `timeout_s` seconds; return what `poll` returns then."""
        deadline = time.monotonic() + timeout_s
        while (code := self.poll()) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return code

    def kill(self) -> None:
        """End it and everything that it has started, and wait until it is gone and its output complete."""
        if self._is_gone:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError) as error:  # macOS says so of a group that has ended
            logger.debug("process group %d was not killed: %s", self._process.pid, error)
        self._process.wait()
        for pump in self._pumps:
            pump.join(_OUTPUT_COMPLETE_S)
        self._is_gone = True


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process has ended, without reaping it where the system can do that.

    Until it is reaped, its id, which names its group, cannot become the id of another process.
    """
    if sys.platform == "darwin":
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


class ProcessTrainer:
    """A trainer in a child process."""

    def __init__(self, child: ChildProcess) -> None:
        self._child = child

    @property
    def pid(self) -> int:
        """Id of its process."""
        return self._child.pid

    def poll(self) -> Evidence | None:
        """Return how it ended, or None while it runs."""
        code = self._child.poll()
        return None if code is None else Evidence(exit_code=code)

    def kill(self) -> None:
        """End it and everything that it has started, and wait until it is gone."""
        self._child.kill()


class ProcessExecutor:
    """Runs jobs as child processes, one thread each."""

    name = "process"
    isolation: Isolation = "none"

    def pick_device(self, choice: str) -> Literal["cpu", "cuda"]:
        """Resolve `auto`, `cpu` or `cuda` by what torch sees here; it is not asked where no driver of a GPU is."""
        if choice == "cpu" or (choice == "auto" and not may_have_gpu()):
            return "cpu"
        from benchmark.training.environment import pick_device  # imports torch, which takes seconds

        return "cuda" if pick_device(choice).type == "cuda" else "cpu"

    def environment(self, device: str) -> dict[str, Any]:
        """Describe this Python installation and machine."""
        if device == "cpu":
            return remembered_environment(_described_by_child)
        import torch

        from benchmark.training.environment import describe_environment

        return describe_environment(torch.device(device))

    def provenance(self, device: str) -> dict[str, Any]:
        """Return the release of Python that children run."""
        return {"python": platform.python_version()}

    def recover(self) -> int:
        """Return 0: children die with their dispatcher, even after SIGKILL."""
        return 0

    def close(self) -> None:
        """Do nothing: the executor holds nothing."""

    def start(self, prepared: PreparedJob) -> ProcessTrainer:
        """Start a trainer."""
        program = trainer_program(
            job=prepared.job_file, submission=prepared.submission, data=prepared.data, parents=prepared.parents,
            outbox=prepared.outbox,
        )  # fmt: skip
        return ProcessTrainer(ChildProcess(program, prepared.outbox, LogFile(prepared.log)))

    def run_trial(
        self, name: str, job_file: Path, submission: Path, arguments: Sequence[str], device: str, limit_s: float
    ) -> ProgramResult:
        """Run a trial as a child process."""
        program = trial_program(name, job=job_file, submission=submission, arguments=arguments)
        stdout, stderr = Head(MAX_ANSWER_BYTES), Tail(MAX_SHOWN_BYTES)
        child = ChildProcess(program, job_file.parent, stdout, stderr)
        try:
            code = child.join(limit_s)
        finally:
            child.kill()
        return ProgramResult(code, spelled_out_bytes(stdout.content), spelled_out_bytes(stderr.content))

    def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
        """Run the scorer in isolated mode: it can import neither the working directory nor a submission."""
        log.unlink(missing_ok=True)
        child = ChildProcess(scorer_program(job=job_file, out=out), out, LogFile(log))
        try:
            while (code := child.join(0.2)) is None:
                on_wait()
        finally:
            child.kill()
        if code != 0:
            raise scorer_failure(log, code)


def _described_by_child() -> dict[str, Any]:
    """Ask a child, which has the environment of a trainer.

    Raises:
        ExecutorError: it gives no answer.
    """
    answer, errors = Head(MAX_ANSWER_BYTES), Tail(MAX_SHOWN_BYTES)
    child = ChildProcess(describe_program("cpu"), Path(tempfile.gettempdir()), answer, errors)
    try:
        code = child.join(_DESCRIBE_S)
    finally:
        child.kill()
    try:
        return json.loads(answer.content)["environment"]
    except (ValueError, KeyError) as error:
        said = spelled_out_bytes(errors.content).strip()[-500:] or "nothing"
        raise ExecutorError(f"trainers do not work on this machine: exit code {code} after: {said}") from error


def child_environment() -> dict[str, str]:
    """Return the environment of a child: the listed variables, and one thread per process."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | ONE_THREAD
