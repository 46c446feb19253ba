"""Looks after one job on its node: starts the program as a child process, and writes down how it ended.

submitit runs `OnNode` there. A start after the first goes on from the last checkpoint. Before the job's time limit,
and where the site says so before pre-emption, submitit receives a signal, calls `checkpoint`, and has Slurm requeue the
job. No torch is imported here.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

from benchmark.executors.child_process import ChildProcess
from benchmark.executors.output_log import Head, LogFile, Tail
from benchmark.executors.programs import MAX_ANSWER_BYTES, MAX_SHOWN_BYTES
from benchmark.executors.slurm.node_job import JobFolder, NodeEnd, NodeJob
from benchmark.training.training_job import TrainingJob

_POLL_S = 0.05

_running: dict[str, ChildProcess] = {}
"""The child of this process, by the folder of its job. `OnNode` itself is pickled, which no process can be."""


class OnNode:
    """What is submitted: a callable that runs the job of a folder.

    Args:
        folder: of the job.
        updates_left: of a trainer, as its latest start found it; None before the first.
    """

    def __init__(self, folder: Path, updates_left: int | None = None) -> None:
        self.folder, self.updates_left = folder, updates_left

    def __call__(self) -> None:
        """Run the job to its end, and exit as its program did."""
        signal.signal(signal.SIGTERM, _leave)
        folder = JobFolder(self.folder)
        folder.forget_end()
        job = folder.read()
        program = self._program(folder, job)
        if program is None:
            folder.write_end(NodeEnd(exit_code=0))
            return
        code = _run(folder, job, program)
        folder.write_end(NodeEnd(exit_code=code, unlike=_text(folder.unlike_node)))
        if code != 0:
            raise SystemExit(1)

    def _program(self, folder: JobFolder, job: NodeJob) -> tuple[str, ...] | None:
        """Return the program to run; None where an earlier start has left nothing to do."""
        if job.kind != "trainer":
            return job.program
        if not folder.started.exists():
            first = TrainingJob.read(folder.job_file)
            self.updates_left = sum(segment.num_steps for segment in first.segments)
            folder.started.touch()
            return job.program
        from benchmark.executors.slurm.resume import with_rest

        rest, self.updates_left = with_rest(folder, _home(self.folder))
        if not TrainingJob.read(rest).segments:
            return None
        return tuple(str(rest) if word == str(folder.job_file) else word for word in job.program)

    def checkpoint(self) -> Any:
        """End the program; return what is to be submitted again, or None where this start came to no new checkpoint."""
        from submitit.helpers import DelayedSubmission

        folder = JobFolder(self.folder)
        child = _running.pop(str(self.folder), None)
        if child is not None:
            child.kill()
        if folder.read().kind == "trainer":
            from benchmark.executors.slurm.resume import updates_left

            left = updates_left(folder, _home(self.folder))
            if self.updates_left is not None and left >= self.updates_left:
                folder.write_end(NodeEnd(exit_code=None, out_of_time=True))
                return None
            self.updates_left = left
        return DelayedSubmission(OnNode(self.folder, self.updates_left))


def _run(folder: JobFolder, job: NodeJob, program: tuple[str, ...]) -> int | None:
    """Run a program to its end and return its exit code, or None where it was ended at its own time limit."""
    stdout, stderr = Head(MAX_ANSWER_BYTES), Tail(MAX_SHOWN_BYTES)
    if job.log is not None:
        child = ChildProcess(program, Path(job.workdir), LogFile(Path(job.log)))
    else:
        child = ChildProcess(program, Path(job.workdir), stdout, stderr)
    _running[str(folder.path)] = child
    deadline = None if job.limit_s is None else time.monotonic() + job.limit_s
    try:
        while (code := child.poll()) is None and (deadline is None or time.monotonic() < deadline):
            time.sleep(_POLL_S)
    finally:
        child.kill()
    if job.log is None:
        folder.stdout.write_bytes(stdout.content)
        folder.stderr.write_bytes(stderr.content)
    return code


def _leave(number: int, frame: FrameType | None) -> None:
    """End the program at once: Slurm has cancelled the job, or takes its place away."""
    for child in _running.values():
        child.kill()
    raise SystemExit(128 + number)


def _home(folder: Path) -> Path:
    return folder.parents[1]


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace")[:2000] if path.is_file() else None
