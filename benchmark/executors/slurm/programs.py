"""What is run on nodes: the programs of a cluster's jobs, with paths of this file system or those of a container."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmark.executors.base import PreparedJob
from benchmark.executors.docker.images import TRAINER_IMAGE, code_digest
from benchmark.executors.docker.limits import DATA_AT, JOB_AT, OUTBOX_AT, PARENTS_AT, SUBMISSION_AT
from benchmark.executors.programs import describe_program, trainer_program, trial_program
from benchmark.executors.slurm.containers import ENVIRONMENT_AT, Container, Mount
from benchmark.executors.slurm.node_job import JobFolder, NodeJob
from benchmark.executors.slurm.options import SlurmOptions
from benchmark.executors.slurm.scheduler import SlurmError

_SEPARATORS = ",:"
"""Characters that no runtime takes in a path that is mounted."""


class NodePrograms:
    """Writes down what nodes run, in a container if the options name one.

    Args:
        options: of the home.
        home: the home's folder.

    Raises:
        ImageError: a container is asked for, and nothing tells which code its image must hold.
        SlurmError: a container is asked for, and the home's path cannot be mounted.
    """

    def __init__(self, options: SlurmOptions, home: Path) -> None:
        self._container: Container | None = None
        if options.container is None:
            return
        if any(character in str(home.resolve()) for character in _SEPARATORS):
            raise SlurmError(f"FMN_HOME: expected a path without `,` and `:` for {options.container}, got {home}")
        self._container = Container(options.container, options.image or TRAINER_IMAGE, code_digest())

    @property
    def code(self) -> str | None:
        """Digest of the code that containers must hold; None where programs run in none."""
        return self._container and self._container.code

    def provenance(self) -> dict[str, str]:
        """Return what is known of the image on the nodes; nothing where programs run in none."""
        used = self._container
        return {} if used is None else {"trainer_image": used.image, "trainer_code": used.code}

    def describe(self, folder: JobFolder, device: str, limit_s: float) -> NodeJob:
        """Return what has a node describe itself, as a trainer sees it."""
        return self._answering(folder, describe_program(device), device, limit_s)

    def trial(
        self, folder: JobFolder, name: str, submission: Path, arguments: Sequence[str], device: str, limit_s: float
    ) -> NodeJob:
        """Return what tries a submission: the task in the folder's job file, and the copied code."""
        inside = self._container is not None
        job, code = (JOB_AT, SUBMISSION_AT) if inside else (str(folder.job_file), str(submission))
        program = trial_program(name, job=job, submission=code, arguments=arguments)
        mounts = (_mount(folder.job_file, JOB_AT), _mount(submission, SUBMISSION_AT))
        return self._answering(folder, program, device, limit_s, mounts)

    def trainer(self, folder: JobFolder, prepared: PreparedJob) -> NodeJob:
        """Return what trains: on a node that computes as the folder's file of the environment says."""
        mounts = {
            "job": _mount(folder.job_file, JOB_AT), "submission": _mount(prepared.submission, SUBMISSION_AT),
            "data": _mount(prepared.data, DATA_AT), "parents": _mount(folder.parents, PARENTS_AT),
            "outbox": _mount(folder.outbox, OUTBOX_AT, is_writable=True),
        }  # fmt: skip
        inside = self._container is not None
        program = trainer_program(**{name: each.target if inside else each.source for name, each in mounts.items()})
        device = prepared.job.device
        return NodeJob(
            "trainer", tuple(program), str(folder.outbox), log=str(prepared.log), alike_on=device,
            container=self._with((*mounts.values(), _mount(folder.expected_node, ENVIRONMENT_AT)), device),
        )  # fmt: skip

    def _answering(
        self, folder: JobFolder, program: Sequence[str], device: str, limit_s: float, mounts: tuple[Mount, ...] = ()
    ) -> NodeJob:
        container = self._with(mounts, device)
        return NodeJob("trial", tuple(program), str(folder.path), limit_s=limit_s, container=container)

    def _with(self, mounts: tuple[Mount, ...], device: str) -> Container | None:
        return self._container and replace(self._container, mounts=mounts, has_gpu=device == "cuda")


def _mount(source: Path, target: str, *, is_writable: bool = False) -> Mount:
    return Mount(str(source.resolve()), target, is_writable)
