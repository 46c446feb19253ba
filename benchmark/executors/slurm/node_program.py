"""The program of a job on its node: a child process, or a container of one, after a look at the node."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from pathlib import Path

from benchmark.executors.child_process import ChildProcess
from benchmark.executors.docker.limits import JOB_AT, grant_read
from benchmark.executors.output_log import Sink
from benchmark.executors.programs import same_node_program
from benchmark.executors.slurm.containers import ENVIRONMENT_AT, Container
from benchmark.executors.slurm.held_container import LOOK, HeldContainer, WordPipe
from benchmark.executors.slurm.node_job import JobFolder, NodeEnd, NodeJob


class NodeProgram:
    """A started program.

    Args:
        folder: of the job.
        job: what is run.
        output: where its output goes.
        errors: where its standard error goes, if not there as well.

    Raises:
        UnfitNodeError: this node cannot run it.
    """

    def __init__(self, folder: JobFolder, job: NodeJob, output: Sink, errors: Sink | None) -> None:
        self._look = None if job.alike_on is None else WordPipe()
        program, at = list(job.program), LOOK if job.container or self._look is None else self._look.writing
        if job.alike_on is not None:
            expected = folder.expected_node if job.container is None else ENVIRONMENT_AT
            program = same_node_program(expected=expected, answer=at, device=job.alike_on, program=program)
        if job.container is None:
            inherited = [] if self._look is None else [at]
            self._child = ChildProcess(program, Path(job.workdir), output, errors, descriptors=inherited)
        else:
            grant_nobody(job.container)
            self._child = HeldContainer(job.container, program, folder.path, output, errors, self._look)
        if self._look is not None:
            self._look.close_writing()

    def poll(self) -> int | None:
        """Return its exit code, negative for the signal that ended it, or None while it runs."""
        return self._child.poll()

    def kill(self) -> None:
        """End it and everything that it has started, and wait until it is gone."""
        self._child.kill()

    def end(self, exit_code: int | None) -> NodeEnd:
        """Say how it ended, with what the look at the node has found; for a program that has ended.

        Args:
            exit_code: from `poll`; None where it was ended at its time limit.
        """
        lost = self._child.lost if isinstance(self._child, HeldContainer) and exit_code is not None else None
        differing = "" if self._look is None else self._look.read()
        if not differing:
            return NodeEnd(exit_code=exit_code if lost is None else None, lost=lost)
        said = f"the node {platform.node()} does not compute as the one that names states: {differing[:2000]}"
        advice = "have all jobs run on nodes of one kind, with `constraint` or `partition` in executor.yaml"
        return NodeEnd(exit_code=exit_code, unfit=f"{said}; {advice}")


def with_job_file(job: NodeJob, old: Path, new: Path) -> NodeJob:
    """Return a job whose program, in a container or not, reads another file as its job."""
    if job.container is None:
        return replace(job, program=tuple(str(new) if word == str(old) else word for word in job.program))
    mounts = tuple(replace(each, source=str(new)) if each.target == JOB_AT else each for each in job.container.mounts)
    return replace(job, container=replace(job.container, mounts=mounts))


def grant_nobody(container: Container) -> None:
    """Let the user in a container of root read what it sees, and write its outbox; others are themselves in theirs.

    The folder of a job keeps other users of the machine out.
    """
    if container.runtime != "podman" or os.geteuid() != 0:
        return
    for mount in container.mounts:
        if mount.is_writable:
            Path(mount.source).chmod(0o777)
        else:
            grant_read(Path(mount.source))
