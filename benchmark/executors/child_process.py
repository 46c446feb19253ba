"""A program in a child process that ends with its parent, with everything that it has started.

No torch is imported here: the small process that looks after a job on a cluster's node uses it too.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmark.executors.output_log import OutputPump, Sink
from benchmark.executors.programs import ONE_THREAD

logger = logging.getLogger(__name__)

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
"""Names the GPUs that a process sees, by their numbers or ids."""

COMPILER_CACHE = "TORCHINDUCTOR_CACHE_DIR"
"""Names the folder in which torch's compiler keeps what it has compiled; otherwise that is lost with /tmp."""

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", VISIBLE_GPUS, "SYSTEMROOT")
"""Environment variables that a child may see; everything else stays with the dispatcher."""

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
        gpus: ids of the GPUs that it sees, the first of which is `cuda`; None for those that this process sees.
        compiler_cache: where torch's compiler keeps what it has compiled; None for where torch likes.
        descriptors: of this process that it inherits, under the same numbers.
        environment: its variables, if not those of `child_environment`.
    """

    def __init__(
        self, program: Sequence[str], folder: Path, output: Sink, errors: Sink | None = None,
        gpus: Sequence[str] | None = None, compiler_cache: Path | None = None, descriptors: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        variables = dict(child_environment() if environment is None else environment)
        variables |= {} if gpus is None else {VISIBLE_GPUS: ",".join(gpus)}
        variables |= {} if compiler_cache is None else {COMPILER_CACHE: str(compiler_cache)}
        command = [sys.executable, "-I", "-m", "benchmark.executors.parent_death", str(os.getpid()), *program]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if errors else subprocess.STDOUT, env=variables, cwd=folder,
            start_new_session=True, pass_fds=descriptors,
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


def child_environment() -> dict[str, str]:
    """Return the environment of a child: the listed variables, and one thread per process."""
    return passed_on(PASSED_ON) | ONE_THREAD


def passed_on(names: Iterable[str]) -> dict[str, str]:
    """Return those of the named variables that this process has."""
    return {name: os.environ[name] for name in names if name in os.environ}
