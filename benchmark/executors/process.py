"""The process executor: trainers and the scorer as child processes of this one. No isolation; the record says so."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import torch

from benchmark.executors.base import MAX_ANSWER_BYTES, PreparedJob, ScorerFailed, TrialEnd
from benchmark.executors.failure import Evidence
from benchmark.printable import spelled_out_bytes
from benchmark.training.environment import describe_environment, pick_device

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SYSTEMROOT")
"""Environment variables that a child may see; everything else stays with the dispatcher."""

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Set before a child imports numpy: parallel work is done by processes, and thread counts change bits."""


class ProcessTrainer:
    """A trainer in a child process that leads a group of its own: what it starts ends with it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def poll(self) -> Evidence | None:
        """Say how it ended, or None while it runs."""
        if self._process.returncode is None:
            # Seen to have ended but not yet reaped: its process id, the name of its group, cannot be anybody else's.
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
            self.kill()
        return Evidence(exit_code=self._process.returncode)

    def kill(self) -> None:
        """End it and whatever it started, and wait until it is gone."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class ProcessExecutor:
    """Runs jobs as child processes, one thread each."""

    name = "process"
    isolation: Literal["none", "docker"] = "none"

    def pick_device(self, choice: str) -> Literal["cpu", "cuda"]:
        """Resolve `auto`, `cpu` or `cuda` by what torch sees here."""
        return "cuda" if pick_device(choice).type == "cuda" else "cpu"

    def environment(self, device: str) -> dict[str, Any]:
        """Describe this very Python installation and machine."""
        return describe_environment(torch.device(device))

    def provenance(self) -> dict[str, Any]:
        """Give the release of Python that children run: it changes no bits."""
        return {"python": platform.python_version()}

    def recover(self) -> int:
        """Nothing: children die with their dispatcher, SIGKILL included."""
        return 0

    def close(self) -> None:
        """Nothing is held."""

    def start(self, prepared: PreparedJob) -> ProcessTrainer:
        """Start a trainer with an allow-list environment; what it prints goes to its log."""
        arguments = [
            "--job", prepared.job_file, "--submission", prepared.submission, "--data", prepared.data,
            "--parents", prepared.parents, "--outbox", prepared.outbox,
        ]  # fmt: skip
        with prepared.log.open("ab") as log:
            return ProcessTrainer(_start("benchmark.training.trainer", arguments, log, prepared.outbox))

    def try_out(
        self, module: str, job_file: Path, submission: Path, arguments: Sequence[str], device: str, limit_s: float
    ) -> TrialEnd:
        """Run it as a child of this process."""
        command = [
            sys.executable, "-I", "-m", f"benchmark.training.trials.{module}", "--job", str(job_file),
            "--submission", str(submission), *arguments,
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=limit_s, env=child_environment(), check=False
            )
        except subprocess.TimeoutExpired:
            return TrialEnd(None, "", "")
        answer, errors = spelled_out_bytes(done.stdout[:MAX_ANSWER_BYTES]), spelled_out_bytes(done.stderr[-4000:])
        return TrialEnd(done.returncode, answer, errors)

    def score(self, job_file: Path, out: Path, on_wait: Callable[[], None]) -> None:
        """Run the scorer in a child in isolated mode: neither the working directory nor a submission is importable."""
        with tempfile.TemporaryFile() as printed:
            process = _start("benchmark.scoring.scorer", ["--job", job_file, "--out", out], printed, out)
            try:
                while _still_running(process):
                    on_wait()
            finally:
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            if process.returncode:
                printed.seek(0)
                raise ScorerFailed(printed.read()[-4000:].decode(errors="replace"))


def _start(module: str, arguments: Sequence[str | Path], output: IO[bytes], folder: Path) -> subprocess.Popen[bytes]:
    """Start a module in isolated mode as the leader of a new session: Ctrl-C reaches the dispatcher alone."""
    started = ["benchmark.executors.parent_death", str(os.getpid()), module, *map(str, arguments)]
    command = [sys.executable, "-I", "-m", *started]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=child_environment(), cwd=folder,
        start_new_session=True,
    )  # fmt: skip


def _still_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
        return True
    return False


def child_environment() -> dict[str, str]:
    """Give the environment of a child: the allow-list, and one thread per process."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _ONE_THREAD
