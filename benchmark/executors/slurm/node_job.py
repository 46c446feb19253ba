"""What a dispatcher and a node say to each other about one job: a folder under the home that both can reach.

The home's `slurm/NAME/` holds what is to be run, and, at the end, how it ended. The process that looks after the job on
its node writes the end; a trainer that runs without isolation, as the same user, could write it too (in a container it
cannot). It counts only where Slurm says that the job has ended.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmark.executors.slurm.containers import Container
from benchmark.files.atomic import write_atomically
from benchmark.files.bounded import RefusedFile, read_regular
from benchmark.printable import spelled_out_bytes

logger = logging.getLogger(__name__)

FOLDER = "slurm"
"""Under a home: one folder per job."""

Kind = Literal["trainer", "trial", "scorer"]

_OVER_MEMORY = ("oom_kill event", "oom-kill event", "exceeded job memory limit", "exceeded memory limit")
"""What `slurmstepd` says, in the versions from 20 to 25."""

_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class NodeJob:
    """What is run on a node.

    Attributes:
        kind: of the program.
        program: module and arguments.
        workdir: its working directory.
        log: file for what it prints; None where its answer is kept in the folder, as `stdout` and `stderr`.
        limit_s: seconds after which it is ended; None without a limit but Slurm's.
        alike_on: device on which the node must compute as the one that names states; None where that does not matter.
        container: where it runs; None for a process of the user.
    """

    kind: Kind
    program: tuple[str, ...]
    workdir: str
    log: str | None = None
    limit_s: float | None = None
    alike_on: str | None = None
    container: Container | None = None


@dataclass(frozen=True)
class NodeEnd:
    """How a program ended on its node.

    Attributes:
        exit_code: negative for a signal; None where it was ended at its time limit.
        out_of_time: whether Slurm's time limit came before there was a new checkpoint to go on from.
        unfit: why no trainer may run on this node, a sentence for users; None where it may.
        lost: why nothing is known of how the program ended; None where that is known.
    """

    exit_code: int | None
    out_of_time: bool = False
    unfit: str | None = None
    lost: str | None = None


@dataclass(frozen=True)
class JobFolder:
    """The folder of one job."""

    path: Path

    @property
    def job_file(self) -> Path:
        """A trainer's job."""
        return self.path / "job.json"

    @property
    def outbox(self) -> Path:
        """A trainer's outbox."""
        return self.path / "outbox"

    @property
    def parents(self) -> Path:
        """The states that a trainer continues."""
        return self.path / "parents"

    @property
    def expected_node(self) -> Path:
        """The environment that names states."""
        return self.path / "environment.json"

    @property
    def started(self) -> Path:
        """Is there once the job has started for the first time."""
        return self.path / "started"

    @property
    def stdout(self) -> Path:
        """A trial's answer."""
        return self.path / "stdout"

    @property
    def stderr(self) -> Path:
        """The end of a trial's standard error."""
        return self.path / "stderr"

    @property
    def submitit(self) -> Path:
        """What submitit keeps: the batch file, and what the process that looks after the job prints."""
        return self.path / "submitit"

    def said(self) -> str:
        """Return the end of what the process that looked after the job has printed, on one line."""
        logs = sorted(self.submitit.glob("*_log.out"))
        text = logs[-1].read_bytes()[-4000:] if logs else b""
        return " ".join(spelled_out_bytes(text).split())[-500:]

    def was_over_memory(self) -> bool:
        """Return whether Slurm's own process on the node has reported that the memory limit was hit.

        The program prints elsewhere.
        """
        return any(word in self.said().lower() for word in _OVER_MEMORY)

    @property
    def _id(self) -> Path:
        return self.path / "slurm_id"

    @property
    def _end(self) -> Path:
        return self.path / "end.json"

    def write(self, job: NodeJob) -> None:
        """Write what is to be run."""
        write_atomically(self.path / "node_job.json", json.dumps(asdict(job)).encode(), durable=False)

    def read(self) -> NodeJob:
        """Read what is to be run.

        Raises:
            OSError: it is not there.
            ValueError: it makes no sense.
        """
        document: dict[str, Any] = json.loads(read_regular(self.path / "node_job.json", _MAX_BYTES))
        container = document.pop("container", None)
        return NodeJob(
            program=tuple(document.pop("program")), container=container and Container.of(container), **document
        )

    def write_id(self, job_id: str) -> None:
        """Write Slurm's number of the job."""
        write_atomically(self._id, job_id.encode())

    @property
    def job_id(self) -> str | None:
        """Slurm's number of the job; None before it is submitted."""
        try:
            text = read_regular(self._id, 100).decode()
        except (OSError, RefusedFile, UnicodeDecodeError):
            return None
        return text if text.isdecimal() else None

    def forget_end(self) -> None:
        """Forget how an earlier start ended."""
        self._end.unlink(missing_ok=True)

    def write_end(self, end: NodeEnd) -> None:
        """Write how it ended."""
        write_atomically(self._end, json.dumps(asdict(end)).encode())

    def has_end(self) -> bool:
        """Return whether an end was written."""
        return self._end.exists()

    def end(self) -> NodeEnd | None:
        """Read how it ended; None where nothing says so, or nothing that makes sense."""
        try:
            document = json.loads(read_regular(self._end, _MAX_BYTES, follow_links=False))
            end = NodeEnd(**document)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, RecursionError) as error:
            logger.warning("how the job of %s ended cannot be read: %s", self.path, error)
            return None
        return end if end.exit_code is None or type(end.exit_code) is int else None
