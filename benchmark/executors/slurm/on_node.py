"""Looks after one job on its node: starts the program, and writes down how it ended.

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

from benchmark.executors.output_log import Head, LogFile, Tail
from benchmark.executors.programs import MAX_ANSWER_BYTES, MAX_SHOWN_BYTES
from benchmark.executors.slurm.containers import UnfitNodeError
from benchmark.executors.slurm.node_job import JobFolder, NodeEnd, NodeJob
from benchmark.executors.slurm.node_program import NodeProgram, with_job_file
from benchmark.training.training_job import TrainingJob

_POLL_S = 0.05

_running: dict[str, NodeProgram] = {}
"""The program of this process, by the folder of its job. `OnNode` itself is pickled, which no process can be."""


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
        file = self._job_file(folder, job)
        end = NodeEnd(exit_code=0) if file is None else _run(folder, with_job_file(job, folder.job_file, file))
        folder.write_end(end)
        if end.exit_code != 0:
            raise SystemExit(1)

    def _job_file(self, folder: JobFolder, job: NodeJob) -> Path | None:
        """Return the file of what is to be done; None where an earlier start has left nothing to do."""
        if job.kind != "trainer":
            return folder.job_file
        if not folder.started.exists():
            first = TrainingJob.read(folder.job_file)
            self.updates_left = sum(segment.num_steps for segment in first.segments)
            folder.started.touch()
            return folder.job_file
        from benchmark.executors.slurm.resume import with_rest

        rest, self.updates_left = with_rest(folder, _home(self.folder))
        return rest if TrainingJob.read(rest).segments else None

    def checkpoint(self) -> Any:
        """End the program; return what is to be submitted again, or None where this start came to no new checkpoint."""
        from submitit.helpers import DelayedSubmission

        folder = JobFolder(self.folder)
        program = _running.pop(str(self.folder), None)
        if program is not None:
            program.kill()
        if folder.read().kind == "trainer":
            from benchmark.executors.slurm.resume import updates_left

            left = updates_left(folder, _home(self.folder))
            if self.updates_left is not None and left >= self.updates_left:
                folder.write_end(NodeEnd(exit_code=None, out_of_time=True))
                return None
            self.updates_left = left
        return DelayedSubmission(OnNode(self.folder, self.updates_left))


def _run(folder: JobFolder, job: NodeJob) -> NodeEnd:
    """Run a program to its end; the exit code is None where it was ended at its own time limit."""
    stdout, stderr = Head(MAX_ANSWER_BYTES), Tail(MAX_SHOWN_BYTES)
    try:
        program = NodeProgram(folder, job, *((stdout, stderr) if job.log is None else (LogFile(Path(job.log)), None)))
    except UnfitNodeError as error:
        return NodeEnd(exit_code=None, unfit=str(error))
    _running[str(folder.path)] = program
    deadline = None if job.limit_s is None else time.monotonic() + job.limit_s
    try:
        while (code := program.poll()) is None and (deadline is None or time.monotonic() < deadline):
            time.sleep(_POLL_S)
    finally:
        program.kill()
    if job.log is None:
        folder.stdout.write_bytes(stdout.content)
        folder.stderr.write_bytes(stderr.content)
    return program.end(code)


def _leave(number: int, frame: FrameType | None) -> None:
    """End the program at once: Slurm has cancelled the job, or takes its place away."""
    for program in _running.values():
        program.kill()
    raise SystemExit(128 + number)


def _home(folder: Path) -> Path:
    return folder.parents[1]

