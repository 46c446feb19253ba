"""The process executor: trainers and the scorer as child processes of this one. No isolation; the record says so."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch

from benchmark.execution.executor import PreparedJob, ScorerFailed
from benchmark.execution.failure import Evidence
from benchmark.training.environment import describe_environment

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SYSTEMROOT")
"""Environment variables that a child may see; everything else stays with the dispatcher."""

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Set before a child imports numpy: parallel work is done by processes, and thread counts change bits."""


class ProcessTrainer:
    """A trainer in a child process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def poll(self) -> Evidence | None:
        """Say how it ended, or None while it runs."""
        code = self._process.poll()
        return None if code is None else Evidence(exit_code=code)

    def kill(self) -> None:
        """End it and wait until it is gone."""
        self._process.kill()
        self._process.wait()


class ProcessExecutor:
    """Runs jobs as child processes, one thread each."""

    name = "process"
    isolation: Literal["none", "docker"] = "none"

    def environment(self, device: str) -> dict[str, Any]:
        """Describe this very Python installation and machine."""
        return describe_environment(torch.device(device))

    def start(self, prepared: PreparedJob) -> ProcessTrainer:
        """Start a trainer with an allow-list environment; what it prints goes to its log."""
        command = [
            sys.executable, "-I", "-m", "benchmark.training.trainer",
            "--job", prepared.job_file, "--submission", prepared.submission, "--data", prepared.data,
            "--parents", prepared.parents, "--outbox", prepared.outbox,
        ]  # fmt: skip
        with prepared.log.open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=child_environment(), cwd=prepared.outbox,
            )  # fmt: skip
        return ProcessTrainer(process)

    def score(self, job_file: Path, out: Path, on_wait: Callable[[], None]) -> None:
        """Run the scorer in a child in isolated mode: neither the working directory nor a submission is importable."""
        command = [sys.executable, "-I", "-m", "benchmark.scoring.scorer", "--job", str(job_file), "--out", str(out)]
        with tempfile.TemporaryFile() as printed:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, env=child_environment(), cwd=out
            )
            try:
                while _still_running(process):
                    on_wait()
            except BaseException:
                process.kill()
                process.wait()
                raise
            if process.returncode:
                printed.seek(0)
                raise ScorerFailed(printed.read()[-4000:].decode(errors="replace"))


def _still_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
        return True
    return False


def child_environment() -> dict[str, str]:
    """Give the environment of a child: the allow-list, and one thread per process."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _ONE_THREAD
