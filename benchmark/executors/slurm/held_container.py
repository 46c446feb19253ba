"""A program in a container on a node, which ends when its holder ends, in whatever way that dies.

Podman's own processes leave the process tree of a job, so that what Slurm ends may not reach them. The holder has the
one writing end of a pipe instead, whose other end the first process of the container reads. The kernel closes it with
the holder, and the first process takes everything in the container with it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from benchmark.executors.child_process import ChildProcess
from benchmark.executors.docker.seccomp import seccomp_profile
from benchmark.executors.failure import reported_code
from benchmark.executors.output_log import Sink
from benchmark.executors.slurm.containers import (
    Container,
    checked_image,
    remove_command,
    runtime_environment,
    start_command,
)
from benchmark.training.starting.first_process import HOLD, REPORT

logger = logging.getLogger(__name__)

LOOK = REPORT + 1
"""Descriptor in a container for the answer of `same_node`."""

SECCOMP_FILE = "seccomp.json"
"""Name in a job's folder of the list of system calls."""

_MAX_BYTES = 1 << 16
_READ_S = 5.0
"""How long what is left in a pipe is waited for once its writer has ended."""
_END_S = 3.0
"""How long a container takes to end by itself once it is not held any more. Slurm may grant five seconds in all."""
_REMOVE_S = 60.0


def container_name(folder: Path) -> str:
    """Return the name of the container of a job, from its folder: the same one when the job is started again.

    Its beginning names the home, and shows no path.
    """
    home, job = (hashlib.sha256(str(path).encode()).hexdigest() for path in (folder.parents[1], folder))
    return f"fmn-{home[:12]}-{job[:12]}"


class WordPipe:
    """A pipe that a child writes one answer into. The child alone holds the writing end once it has started."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        self._answer: str | None = None

    def close_writing(self) -> None:
        """Close the end that the child has inherited."""
        os.close(self.writing)

    def read(self) -> str:
        """Return what was written, and close the pipe; for a child that has ended. May be asked again."""
        if self._answer is not None:
            return self._answer
        content, deadline = b"", time.monotonic() + _READ_S
        while len(content) < _MAX_BYTES and (left_s := deadline - time.monotonic()) > 0:
            is_ready = bool(select.select([self._reading], [], [], left_s)[0])
            piece = os.read(self._reading, _MAX_BYTES) if is_ready else b""
            if not piece:
                break
            content += piece
        self._answer = content.decode(errors="replace")
        os.close(self._reading)
        return self._answer


class HeldContainer:
    """A started container.

    Args:
        container: where the program runs, and what it sees.
        program: module and arguments.
        folder: of the job; the name of the container follows from it.
        output: where its output goes.
        errors: where its standard error goes, if not there as well.
        look: pipe that the program inherits as `LOOK`.

    Attributes:
        lost: why nothing is known of how the program ended; None where that is known, or it runs.

    Raises:
        UnfitNodeError: this node cannot run it.
    """

    def __init__(
        self, container: Container, program: Sequence[str], folder: Path, output: Sink, errors: Sink | None = None,
        look: WordPipe | None = None,
    ) -> None:  # fmt: skip
        self.lost: str | None = None
        self._container = container
        self._name = container_name(folder)
        self._code: int | None = None
        image = checked_image(container)
        (folder / SECCOMP_FILE).write_text(seccomp_profile(), encoding="utf-8")
        (folder / SECCOMP_FILE).chmod(0o644)
        self._report = WordPipe()
        held, hold = os.pipe()
        self._hold: int | None = hold
        given = {held: HOLD, self._report.writing: REPORT} | ({} if look is None else {look.writing: LOOK})
        command = start_command(container, image, self._name, str(folder / SECCOMP_FILE), program, len(given))
        moves = ",".join(f"{source}:{target}" for source, target in given.items())
        self._child = ChildProcess(
            ["benchmark.executors.slurm.inherit", moves, *command], folder, output, errors,
            descriptors=list(given), environment=runtime_environment(),
        )  # fmt: skip
        os.close(held)
        self._report.close_writing()

    def poll(self) -> int | None:
        """Return the exit code of the program, negative for the signal that ended it, or None while it runs.

        What the runtime exits with counts nowhere: it does not tell its own failures from those of the program.
        """
        if self._code is None and (code := self._child.poll()) is not None:
            self._finish(code)
        return self._code

    def kill(self) -> None:
        """End it and everything in it, and wait until it is gone and its output complete."""
        if self._code is not None:
            return
        self._let_go()
        code = self._child.join(_END_S)
        self._child.kill()
        self._finish(-signal.SIGKILL if code is None else code)

    def _finish(self, code: int) -> None:
        """Take the report of the first process, or make sure that nothing is left of the container."""
        self._let_go()
        self._code = reported_code(self._report.read())
        if self._code is not None:
            return
        self._remove()
        said = f"{self._container.runtime} has ended with exit code {code}, and nothing says how the program ended"
        self.lost, self._code = f"{said}; its log may say why", code

    def _let_go(self) -> None:
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None

    def _remove(self) -> None:
        command = remove_command(self._container, self._name)
        try:
            if command is not None:
                subprocess.run(
                    command, env=runtime_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=True,
                    timeout=_REMOVE_S,
                )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            logger.warning("what is left of the container %s was not removed: %s", self._name, error)
