"""`fmn` commands that begin with everything imported, so that a trial costs its work and not its imports.

A command is a fork of a server that has imported the project. Its trainers and its scorer are forks of the command,
with the descriptors, the environment, the session and the death signal that real children get. The rest is `fmn`.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import IO, Any

from benchmark.executors.parent_death import end_with

CHECKPOINT_EVERY_S = 0.1
"""Seconds of training between two saved states; 30 in real evaluations, which last longer than a second."""
PROGRESS_EVERY_S = 0.02
ASK_SLURM_EVERY_S = 1.0
"""Seconds between two questions to Slurm; 5 in real evaluations."""

_PRELOADED = [
    "benchmark.training.trainer", "benchmark.scoring.scorer", "benchmark.evaluation.evaluate", "benchmark.cli.session",
    "benchmark.cli.tables", "benchmark.cli.live_progress", "benchmark.executors.process",
    "benchmark.recording.tracking.projection", "mlflow", "sklearn.linear_model", "scipy.stats",
]  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A command at work, in a process group of its own.

    Attributes:
        pid: of the dispatcher.
        log: what it prints.
        started: when, by the monotonic clock.
    """

    process: Any
    log: Path
    started: float

    @property
    def pid(self) -> int:
        """Id of the dispatcher's process."""
        return self.process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, negative for the signal that ended it; None while it runs."""
        return self.process.exitcode if hasattr(self.process, "exitcode") else self.process.poll()

    def wait(self) -> int:
        """Wait for its end; return the exit code."""
        while (code := self.code) is None:
            time.sleep(0.01)
        return code

    def printed(self) -> str:
        """Return what it has printed so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def forget_server() -> None:
    """Let the next command be a fork of a new server: an older one has loaded its libraries under other variables."""
    server: Any = vars(forkserver)["_forkserver"]
    server._stop()


def start(words: Sequence[str], log: Path, environment: Mapping[str, str]) -> Command:
    """Start `fmn` with these words, its environment changed by these variables."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    ours = {name: value for name, value in os.environ.items() if name.startswith("FMN_")}  # the server may be older
    process = context.Process(target=run_command, args=(list(words), str(log), ours | dict(environment)))
    started = time.monotonic()
    process.start()
    return Command(process, log, started)


def start_cold(words: Sequence[str], log: Path, environment: Mapping[str, str]) -> Command:
    """Start it in an interpreter of its own, which sees these variables from its very start."""
    call = f"from bench.faults.commands import run_command; run_command({list(words)!r}, {str(log)!r}, {{}})"
    process = subprocess.Popen([sys.executable, "-c", call], env=os.environ | dict(environment))
    return Command(process, log, time.monotonic())


def run_command(words: list[str], log: str, environment: Mapping[str, str]) -> None:
    """Be `fmn` from here on; never returns."""
    os.setsid()
    end_with(os.getppid())
    os.environ.update(environment)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    _print_into(log)
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        # Python sleeps until a time of the monotonic clock. libfaketime 0.9.10 refuses that once the clock has jumped.
        setattr(time, "sleep", lambda seconds: select.select([], [], [], seconds))  # noqa: B010
    _arrange()
    from benchmark.cli import main

    sys.argv = ["fmn", *words]
    os._exit(_exit_code_of(main))


def _print_into(log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number in (1, 2):
        os.dup2(descriptor, number)


def _arrange() -> None:
    """Let children be forks, states be saved often, progress be told at every update, and Slurm be asked often."""
    from benchmark.evaluation.scheduling import jobs
    from benchmark.executors import child_process
    from benchmark.executors.slurm import scheduler
    from benchmark.scoring.reading import worker_pool
    from benchmark.training import trainer

    setattr(jobs, "CHECKPOINT_EVERY_S", CHECKPOINT_EVERY_S)  # noqa: B010 - a constant for everybody else
    setattr(trainer, "PROGRESS_EVERY_S", PROGRESS_EVERY_S)  # noqa: B010
    setattr(scheduler, "_ASK_EVERY_S", ASK_SLURM_EVERY_S)  # noqa: B010
    setattr(child_process, "subprocess", _Forks)  # noqa: B010
    setattr(worker_pool, "multiprocessing", _ForkedPools)  # noqa: B010


class _ForkedPools:
    """What the scorer's pool needs of `multiprocessing`; its processes are forks."""

    parent_process = staticmethod(multiprocessing.parent_process)

    @staticmethod
    def get_context(method: str) -> Any:
        """Return the context whose processes have everything imported."""
        return multiprocessing.get_context("fork")


class _ForkedProgram:
    """What `ChildProcess` needs of `subprocess.Popen`; the program is a fork of the dispatcher."""

    def __init__(
        self, command: Sequence[str], *, stdin: int, stdout: int, stderr: int, env: Mapping[str, str], cwd: Path,
        start_new_session: bool, pass_fds: Sequence[int] = (),
    ) -> None:  # fmt: skip
        self.returncode: int | None = None
        self.stderr: IO[bytes] | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        output, into = os.pipe()
        errors, errors_into = os.pipe() if stderr == subprocess.PIPE else (None, into)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _be_program(command[5:], into, errors_into, env, cwd, parent, pass_fds)
        os.close(into)
        self.stdout: IO[bytes] | None = os.fdopen(output, "rb")
        if errors is not None:
            os.close(errors_into)
            self.stderr = os.fdopen(errors, "rb")

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self) -> int:
        """Wait for its end."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


class _Forks:
    """Stands for the module `subprocess` in `benchmark.executors.child_process`."""

    Popen = _ForkedProgram
    PIPE, STDOUT, DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL


def _be_program(
    program: Sequence[str], output: int, errors: int, env: Mapping[str, str], folder: Path, parent: int,
    inherited: Sequence[int],
) -> None:  # fmt: skip
    """Become a child as `parent_death` makes one: a session of its own, ended with its parent, nothing inherited."""
    code = 1
    try:
        os.setsid()
        end_with(parent)
        logging.getLogger().handlers.clear()
        for name in ("benchmark", "leaderboard"):
            logging.getLogger(name).handlers.clear()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        _hand_over_descriptors(output, errors, inherited)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(folder)
        module, *arguments = program
        sys.argv = [module, *arguments]
        code = _exit_code_of(importlib.import_module(module).main)
    finally:
        os._exit(code)


def _hand_over_descriptors(output: int, errors: int, inherited: Sequence[int]) -> None:
    """Keep the pipes and what is inherited: above all no lock, which would be held for as long as any child lives.

    The other descriptors lead nowhere and are not closed, so that no object of the parent closes a file of the child.
    """
    os.dup2(output, 1)
    os.dup2(errors, 2)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number not in (nowhere, *inherited) and Path(f"/proc/self/fd/{number}").exists():
            os.dup2(nowhere, number)


def _exit_code_of(main: Any) -> int:
    code: int | str | None = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return int(code or 0)
