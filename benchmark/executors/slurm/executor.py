"""The slurm executor: every trainer and the scorer in a job of a cluster, submitted code in containers if asked for.

The home must lie on a file system that the nodes share, at the same path, and so must the Python that runs this. Truth
is in the store: Slurm may lose a job or run it twice. A dispatcher that ends leaves its jobs in the queue; the same
command goes on with them.
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from benchmark.executors.base import PreparedJob, ProgramResult
from benchmark.executors.docker.trainer import NotStarted
from benchmark.executors.failure import Evidence
from benchmark.executors.gpus import named_gpus
from benchmark.executors.programs import DESCRIBE_S, scorer_program
from benchmark.executors.scorer_end import scorer_failure
from benchmark.executors.slurm.left_jobs import LeftTrainers, remove_folder
from benchmark.executors.slurm.node_job import FOLDER, JobFolder, NodeJob
from benchmark.executors.slurm.options import node_key, read_options
from benchmark.executors.slurm.programs import NodePrograms
from benchmark.executors.slurm.scheduler import (
    SUBMIT_AGAIN_S,
    LimitReachedError,
    Scheduler,
    SlurmError,
    demand_slurm,
)
from benchmark.executors.slurm.states import evidence_of
from benchmark.executors.slurm.trainer import AttachedTrainer, SlurmTrainer
from benchmark.files.atomic import write_atomically
from benchmark.printable import spelled_out_bytes
from benchmark.recording.isolation import Isolation, is_at_least
from benchmark.spec.canonical import canonical_json
from benchmark.store.claims import Claims
from benchmark.store.layout import Home
from benchmark.store.origin import ORIGIN_FILE, read_job_origin
from benchmark.training.describe import MachineDescription

logger = logging.getLogger(__name__)

_POLL_S = 0.2
_SAY_WAITING_S = 15.0
"""After so many seconds in the queue a user is told what is waited for."""


class SlurmExecutor:
    """Runs jobs on a cluster.

    Args:
        home: whose jobs.

    Raises:
        SlurmError: Slurm or submitit cannot be used here.
        ImageError: containers are asked for, and there is no checkout that says which code they must hold.
        UserError: `executor.yaml` or a variable is wrong, with every problem.
    """

    name = "slurm"

    def __init__(self, home: Home) -> None:
        self._home, self._options = home, read_options(home.root)
        self.isolation: Isolation = self._options.container or "none"
        self._programs = NodePrograms(self._options, home.root)
        self._version = demand_slurm()
        self._scheduler = Scheduler(self._options)
        self._descriptions: dict[str, MachineDescription] = {}
        self._left = LeftTrainers()
        self._started: list[SlurmTrainer] = []

    @property
    def jobs_at_once(self) -> int:
        """Most trainers in the queue at the same time."""
        return self._options.jobs_at_once

    @property
    def scoring_workers(self) -> int:
        """Processors of the job that scores."""
        return self._options.scoring_cpus

    def pick_device(self, choice: str) -> Literal["cpu", "cuda"]:
        """Resolve `auto`, `cpu` or `cuda`: `auto` takes a GPU where `gres` asks for one.

        Raises:
            ValueError: `cuda` was asked for, and a job sees no GPU, or one by its number; one sentence.
        """
        if named_gpus(choice):
            raise ValueError(f"DEVICE: expected auto, cpu or cuda, because Slurm gives a job its GPU, got {choice!r}")
        if choice == "cpu" or (choice == "auto" and "gpu" not in (self._options.gres or "")):
            return "cpu"
        self.environment("cuda")
        return "cuda"

    def environment(self, device: str) -> dict[str, Any]:
        """Describe a node of the cluster, from a job on it. Every trainer looks whether its node is like that one.

        Raises:
            ValueError: `cuda` is asked for and a job sees no GPU; one sentence.
            SlurmError: the job could not be run.
        """
        environment = self._describe(device).environment
        if environment is None:
            raise ValueError("DEVICE=cuda: a job of Slurm sees no GPU; ask for one with `gres` or another `partition`")
        return environment

    def provenance(self, device: str) -> dict[str, Any]:
        """Return Slurm's version, the release of Python that trainers run on the nodes, and what their image is."""
        return {"slurm": self._version, "python": self._describe(device).python, **self._programs.provenance()}

    def _describe(self, device: str) -> MachineDescription:
        """Return what a node says of itself. It is remembered in the home, so that a restart waits in no queue."""
        if device not in self._descriptions:
            remembered = self._remembered_at(device)
            try:
                self._descriptions[device] = MachineDescription.model_validate_json(remembered.read_bytes())
            except (OSError, ValidationError) as error:
                logger.debug("a node is asked what it computes on: %s", error)
                self._descriptions[device] = self._ask_node(device)
                write_atomically(remembered, self._descriptions[device].model_dump_json().encode())
        return self._descriptions[device]

    def _remembered_at(self, device: str) -> Path:
        return self._home.root / FOLDER / f"node-{node_key(self._options, device, self._programs.code)}.json"

    def _ask_node(self, device: str) -> MachineDescription:
        folder = self._new_folder("describe")
        result = self._run(folder, self._programs.describe(folder, device, DESCRIBE_S), device)
        try:
            return MachineDescription.model_validate_json(result.stdout)
        except ValidationError as error:
            printed = f"{result.stdout}{result.stderr}".strip()[-500:]
            inside = f"this Python ({sys.executable})" if self.isolation == "none" else f"{self.isolation}'s image"
            said = f"a job of Slurm cannot run {inside} with the benchmark: {printed}"
            raise SlurmError(said) from error

    def recover(self, claims: Claims | None = None) -> int:
        """Take over what earlier dispatchers of this home have left; return how many jobs were ended.

        Trainers in the queue go on, and `start` attaches to them. Beside other dispatchers, only trainers of trees are
        taken over that nobody else holds; scorers and trials may be anybody's.
        """
        mine = [trainer.folder for trainer in self._started]
        return self._left.take_over(self._home, self._scheduler, claims, mine)

    def close(self) -> None:
        """Remove what jobs that have ended have left; the others stay in the queue, and it is said how to end them."""
        for trainer in self._started:
            if trainer.has_ended:
                remove_folder(trainer.folder)
        num_left = sum(1 for trainer in self._started if not trainer.has_ended and trainer.folder.job_id is not None)
        if num_left:
            jobs = "1 job goes" if num_left == 1 else f"{num_left} jobs go"
            advice = "the same command goes on with them, and `fmn cancel` ends them"
            logger.warning("%s on in Slurm's queue: %s", jobs, advice)
        self._started.clear()

    def start(self, prepared: PreparedJob) -> SlurmTrainer | NotStarted:
        """Submit a trainer, or attach to the one that an earlier dispatcher has submitted for the same tree."""
        trainer = self._attached(prepared) or self._submitted(prepared)
        self._started.append(trainer)
        trainer.poll()
        return trainer

    def _attached(self, prepared: PreparedJob) -> SlurmTrainer | None:
        folder, job = self._left.pop(prepared.job.root)
        if folder is None or job is None:
            return None
        trains_it = {segment.key for segment in prepared.job.segments} <= {segment.key for segment in job.segments}
        if trains_it and is_at_least(read_job_origin(folder.job_file).isolation, self.isolation):
            logger.info("job %s of an earlier call goes on", folder.job_id)
            return AttachedTrainer(folder, self._scheduler, prepared)
        if folder.job_id is not None:  # it would train something else, or with less isolation
            self._scheduler.cancel(folder.job_id)
        remove_folder(folder)
        return None

    def _submitted(self, prepared: PreparedJob) -> SlurmTrainer:
        """Copy a job to where it lives longer than its dispatcher, and submit it."""
        folder = JobFolder(self._home.root / FOLDER / prepared.job_file.parent.name)
        folder.path.mkdir(parents=True, mode=0o700)
        shutil.copyfile(prepared.job_file, folder.job_file)
        origin = prepared.job_file.parent / ORIGIN_FILE
        if origin.is_file():
            shutil.copyfile(origin, folder.path / ORIGIN_FILE)
        prepared.parents.rename(folder.parents)
        prepared.outbox.rename(folder.outbox)
        prepared.outbox.symlink_to(folder.outbox)
        folder.expected_node.write_bytes(canonical_json(self.environment(prepared.job.device)))
        folder.write(self._programs.trainer(folder, prepared))
        return SlurmTrainer(folder, self._scheduler, lambda: self._scheduler.submit(folder, device=prepared.job.device))

    def run_trial(
        self, name: str, job_file: Path, submission: Path, arguments: Sequence[str], device: str, limit_s: float
    ) -> ProgramResult:
        """Run a trial in a job of its own, on copies of its files."""
        folder = self._new_folder("trial")
        code = folder.path / "submission"
        shutil.copyfile(job_file, folder.job_file)
        shutil.copytree(submission, code)
        return self._run(folder, self._programs.trial(folder, name, code, arguments, device, limit_s), device)

    def _run(self, folder: JobFolder, job: NodeJob, device: str) -> ProgramResult:
        """Run a program whose answer is wanted, to its end.

        Raises:
            SlurmError: the job could not be run, so there is no answer.
        """
        folder.write(job)
        try:
            evidence = self._wait(folder, device, 1, False, lambda: None)
            end = folder.end()
            answers = [path.read_bytes() if path.is_file() else b"" for path in (folder.stdout, folder.stderr)]
            stdout, stderr = map(spelled_out_bytes, answers)
            if end is not None and (end.unfit or end.lost):
                raise SlurmError(end.unfit or f"a job of Slurm has failed: {end.lost}: {stderr.strip()[-500:]}")
            if evidence.lost is not None and (end is None or end.exit_code is not None):
                raise SlurmError(f"a job of Slurm has failed: {evidence.lost}; {folder.said()}")
            return ProgramResult(evidence.exit_code, stdout, stderr)
        finally:
            remove_folder(folder)

    def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
        """Run the scorer in a job of its own."""
        log.unlink(missing_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        folder = self._new_folder("score")
        program = tuple(scorer_program(job=job_file, out=out))
        folder.write(NodeJob("scorer", program, str(out), log=str(log)))
        device = _device_of(job_file)
        try:
            evidence = self._wait(folder, device, self.scoring_workers, True, on_wait)
        finally:
            remove_folder(folder)
        if evidence != Evidence(exit_code=0):
            raise scorer_failure(log, evidence.exit_code, memory_event=evidence.memory_event, lost=evidence.lost)

    def _wait(
        self, folder: JobFolder, device: str, cpus: int, is_scoring: bool, on_wait: Callable[[], None]
    ) -> Evidence:
        """Submit the job of a folder and wait for its end; whatever is raised cancels it."""
        job_id = self._admitted(folder, device, cpus, is_scoring, on_wait)
        say_at: float | None = time.monotonic() + _SAY_WAITING_S
        evidence: Evidence | None = None
        try:
            while evidence is None:
                time.sleep(_POLL_S)
                on_wait()
                view = self._scheduler.view(job_id, now=folder.has_end())
                evidence = evidence_of(view, folder.end(), folder.was_over_memory())
                if say_at is not None and view is not None and view.is_waiting and time.monotonic() > say_at:
                    logger.warning("job %s waits in Slurm's queue: %s", job_id, view.reason)
                    say_at = None
            return evidence
        except BaseException:
            self._scheduler.cancel(job_id)
            raise

    def _admitted(
        self, folder: JobFolder, device: str, cpus: int, is_scoring: bool, on_wait: Callable[[], None]
    ) -> str:
        """Submit a job; where the queue has no room for it, try again until it has."""
        while True:
            try:
                return self._scheduler.submit(folder, device=device, cpus=cpus, is_scoring=is_scoring)
            except LimitReachedError as error:
                logger.warning("%s; it is submitted again in %.0f s", error, SUBMIT_AGAIN_S)
                again = time.monotonic() + SUBMIT_AGAIN_S
                while time.monotonic() < again:
                    on_wait()
                    time.sleep(_POLL_S)

    def _new_folder(self, name: str) -> JobFolder:
        folder = JobFolder(self._home.root / FOLDER / f"{name}-{uuid.uuid4().hex[:12]}")
        folder.path.mkdir(parents=True, mode=0o700)
        return folder


def _device_of(scoring_job: Path) -> str:
    from benchmark.scoring.scoring_job import ScoringJob

    return ScoringJob.model_validate_json(scoring_job.read_bytes()).device
