"""The docker executor: every trainer and the scorer in a container of its own, with the constants of `limits`.

A trainer sees its submission, its training images, its job and its parents, read-only, and writes into its outbox,
which outlives it. The scorer sees states and data, and no submission.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from benchmark.executors.base import PreparedJob, ProgramResult
from benchmark.executors.docker.containers import Containers
from benchmark.executors.docker.engine import Engine, EngineError, Image
from benchmark.executors.docker.images import CODE_LABEL, SCORER_IMAGE, TRAINER_IMAGE, ImageError, code_digest
from benchmark.executors.docker.limits import (
    DATA_AT,
    FIRST_PROCESS_AT,
    JOB_AT,
    OUTBOX_AT,
    PARENTS_AT,
    SUBMISSION_AT,
    Limits,
    known_gpus,
)
from benchmark.executors.docker.scorer_mounts import ScorerMounts
from benchmark.executors.docker.staging import Staging
from benchmark.executors.docker.trainer import DockerTrainer, NotStarted
from benchmark.executors.errors import ExecutorError
from benchmark.executors.gpus import GpuPool, demand_one_model, named_gpus
from benchmark.executors.output_log import LogFile
from benchmark.executors.programs import (
    DESCRIBE_S,
    MAX_LOG_BYTES,
    describe_program,
    scorer_program,
    trainer_program,
    trial_program,
)
from benchmark.executors.scorer_end import scorer_failure
from benchmark.recording.isolation import Isolation
from benchmark.store.claims import Claims
from benchmark.store.layout import Home
from benchmark.training.describe import MachineDescription

logger = logging.getLogger(__name__)

_SCORING_S = 24 * 3600.0
_CLEAR_S = 60.0
"""Time limits of containers that are no trainers."""


class DockerExecutor:
    """Runs jobs in containers of a local engine, Docker's or Podman's; its name and its isolation say which.

    Args:
        home: whose jobs; containers of other homes are left alone.
        gpu: id of the GPU that trainers and the scorer get before `pick_device` has chosen.
        limits: sizes of trainers.

    Raises:
        EngineError: no engine answers.
        ImageError: the images are missing, or hold other code than this.
    """

    def __init__(self, home: Home, *, gpu: str = "0", limits: Limits | None = None) -> None:
        self._home, self._pool = home, GpuPool([gpu])
        self._engine = Engine()
        self.isolation: Isolation = "podman" if self._engine.is_podman else "docker"
        self.name: str = self.isolation
        try:
            self._info = info = self._engine.info()
            self._version = str(info.get("ServerVersion"))
            memory = int(info["MemTotal"]) * 9 // 10
            # More than the machine has would be no limit at all.
            self._limits = limits or replace(Limits(), memory=min(Limits().memory, memory))
            scorer_limits = Limits(memory=memory, pids=1024, file=8 << 30, open_files=4096)
            self._containers = Containers(self._engine, info, home, self._limits, scorer_limits)
            self._trainer, self._scorer = (self._current_image(tag) for tag in (TRAINER_IMAGE, SCORER_IMAGE))
        except BaseException:
            self._engine.close()
            raise
        self._staging = Staging(home)
        self._descriptions: dict[tuple[str, tuple[str, ...]], MachineDescription] = {}

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every container that this executor starts: its home and its dispatcher."""
        return self._containers.labels

    def _current_image(self, tag: str) -> Image:
        image = self._engine.image(tag)
        if image is None:
            raise ImageError(f"the image {tag} is not there: run `make image` once")
        if image.labels.get(CODE_LABEL) != code_digest():
            raise ImageError(f"the image {tag} holds other code than this checkout: run `make image`")
        return image

    def close(self) -> None:
        """Remove what is left of outboxes, end the watchdog and close connections."""
        self._staging.close(self._clear)
        self._containers.close()
        self._engine.close()

    def provenance(self, device: str) -> dict[str, Any]:
        """Return the engine's version, the ids of the images' contents, and the release of Python in them."""
        return {
            f"{self.name}_engine": self._version,
            "trainer_image": self._trainer.id,
            "scorer_image": self._scorer.id,
            "python": self._describe(device).python,
        }

    def recover(self, claims: Claims | None = None) -> int:
        """Remove trainers and scorers that a killed dispatcher of this home has left, and return how many there were.

        Their outboxes stay, so that the states in them can be collected. Beside other dispatchers no container is
        removed here: each dispatcher has a watchdog that removes its own.
        """
        num_removed = self._containers.remove_orphans() if claims is None else 0
        self._staging.note_leftovers(claims)
        return num_removed

    def pick_device(self, choice: str) -> Literal["cpu", "cuda"]:
        """Resolve `auto`, `cpu`, `cuda` or `cuda:0,2` by what the engine can pass through and torch sees inside.

        Raises:
            ValueError: `cuda` was asked for and no GPU reaches the inside, in one sentence.
        """
        if choice == "cpu":
            return "cpu"
        self._pool = GpuPool([str(number) for number in named_gpus(choice)] or known_gpus(self._info))
        try:
            self.environment("cuda")
            seen = [self._describe("cuda", gpu).environment or {} for gpu in self.gpus]
            demand_one_model([str(each.get("device_model", "none")) for each in seen])
        except ValueError as problem:
            if choice != "auto":
                raise
            logger.debug("DEVICE=auto is cpu: %s", problem)
            return "cpu"
        return "cuda"

    @property
    def gpus(self) -> tuple[str, ...]:
        """Ids of the GPUs over which trainers are spread."""
        return self._pool.ids

    def environment(self, device: str) -> dict[str, Any]:
        """Describe what trainers see, from inside a container.

        Raises:
            ValueError: `cuda` is asked for and no GPU can be passed through, or none is visible inside; one sentence.
            EngineError: the engine refuses, or the container ends with an error.
        """
        environment = self._describe(device).environment
        if environment is None:
            raise ValueError(
                f"DEVICE=cuda: GPU {self.gpus[0]} was passed to the container, but torch sees none inside; "
                "is the trainer image a CPU build (TORCH_INDEX), or the driver too old?"
            )
        return environment

    def _describe(self, device: str, gpu: str | None = None) -> MachineDescription:
        """Return what the trainer image sees of this machine, asked once: it does not change while we run."""
        gpus = () if device == "cpu" else (gpu or self.gpus[0],)
        if (device, gpus) not in self._descriptions:
            command = ["python", "-I", "-m", *describe_program(device)]
            ended = self._containers.run("probe", self._trainer, command, {}, gpus=gpus, limit_s=DESCRIBE_S)
            try:
                self._descriptions[device, gpus] = MachineDescription.model_validate_json(ended.stdout)
            except ValidationError as error:
                printed = f"{ended.stdout}{ended.stderr}".strip()[-500:]
                raise EngineError(f"the trainer image does not work on this machine: {printed}") from error
        return self._descriptions[device, gpus]

    def start(self, prepared: PreparedJob) -> DockerTrainer | NotStarted:
        """Start a trainer; one that the engine refuses says so when it is polled."""
        prepared.job_file.parent.chmod(0o700)
        self._staging.remove_collected(self._clear)
        job, submission, parents = self._staging.stage(prepared.job_file, prepared.submission, prepared.parents)
        mounts = {
            JOB_AT: (job, False), SUBMISSION_AT: (submission, False), PARENTS_AT: (parents, False),
            DATA_AT: (self._staging.share(prepared.data), False),
            OUTBOX_AT: (self._staging.move_outbox(prepared.outbox, beside=job), True),
        }  # fmt: skip
        program = trainer_program(
            job=JOB_AT, submission=SUBMISSION_AT, data=DATA_AT, parents=PARENTS_AT, outbox=OUTBOX_AT
        )
        limit_s = self._limits.deadline_s(sum(segment.num_steps for segment in prepared.job.segments))
        deadline = time.time() + limit_s
        pool, gpus = self._pool, () if prepared.job.device == "cpu" else (self._pool.take(prepared.gpu),)

        def give_back() -> None:
            for gpu in gpus:
                pool.give_back(gpu)

        try:
            container = self._containers.start(
                "trainer", self._trainer, _reporting(program), mounts, gpus=gpus, limit_s=limit_s
            )
        except (EngineError, ValueError) as problem:
            give_back()
            return NotStarted(str(problem))
        return DockerTrainer(container, prepared, self._limits, deadline, self._containers.check_watchdog, give_back)

    def run_trial(
        self, name: str, job_file: Path, submission: Path, arguments: Sequence[str], device: str, limit_s: float
    ) -> ProgramResult:
        """Run a trial in a container that holds the job and the submission, and nothing else."""
        job, code = self._staging.stage(job_file, submission)
        mounts = {JOB_AT: (job, False), SUBMISSION_AT: (code, False)}
        program = trial_program(name, job=JOB_AT, submission=SUBMISSION_AT, arguments=arguments)
        command = ["python", "-I", "-m", *program]
        try:
            gpus = () if device == "cpu" else self.gpus[:1]
            return self._containers.run("trial", self._trainer, command, mounts, gpus=gpus, limit_s=limit_s)
        finally:
            self._staging.remove(job)

    def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
        """Run the scorer in a container that holds states and data, and no submission."""
        log.unlink(missing_ok=True)
        with ScorerMounts(self._home, job_file, out) as scorer:
            command = _open_to_all(scorer_program(job=scorer.job_inside, out=scorer.out_inside))
            container = self._containers.start(
                "scorer", self._scorer, command, scorer.mounts, limit_s=_SCORING_S,
                gpus=() if scorer.job.device == "cpu" else self.gpus,
            )
            try:
                while (ended := container.join(0.2)) is None:
                    self._containers.check_watchdog()
                    on_wait()
            finally:
                printed = container.printed(MAX_LOG_BYTES)
                container.remove()
                LogFile(log).write(printed.encode())
            if ended.code != 0:
                raise scorer_failure(log, ended.code, memory_event=ended.memory_event, lost=ended.lost)

    def _clear(self, outbox: Path) -> None:
        """Remove an outbox in which a trainer has closed folders to us: only their owner, `nobody`, can open them."""
        command = ["sh", "-c", f"chmod -R u+rwX {OUTBOX_AT}; find {OUTBOX_AT} -mindepth 1 -delete"]
        try:
            self._containers.run("janitor", self._trainer, command, {OUTBOX_AT: (outbox, True)}, limit_s=_CLEAR_S)
        except ExecutorError as error:
            logger.warning("%s was not emptied: %s", outbox, error)


def _reporting(program: Sequence[str]) -> list[str]:
    """Return the command of a trainer under a first process that reports how it ended."""
    return ["python", "-I", "-S", FIRST_PROCESS_AT, "python", "-I", "-m", *program]


def _open_to_all(program: Sequence[str]) -> list[str]:
    """Return the command of a program whose files the dispatcher, another user, can remove."""
    return ["sh", "-c", 'umask 0; exec python -I -m "$@"', "sh", *program]
