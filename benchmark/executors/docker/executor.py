"""The docker executor: every trainer and the scorer in a container of its own, with the constants of `containment`.

A trainer sees its submission, its training images, its job and its parents, read-only, and writes into its outbox,
which outlives it. The scorer sees states and data, and no submission.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from benchmark.executors.base import MAX_ANSWER_BYTES, PreparedJob, TrialEnd
from benchmark.executors.docker.engine import Container, Engine, EngineError, Image
from benchmark.executors.docker.images import CODE_LABEL, SCORER_IMAGE, TRAINER_IMAGE, ImageError, code_digest
from benchmark.executors.docker.limits import (
    DATA_AT,
    DEADLINE_LABEL,
    DISPATCHER_LABEL,
    HOME_LABEL,
    JOB_AT,
    OUTBOX_AT,
    PARENTS_AT,
    ROLE_LABEL,
    SUBMISSION_AT,
    Limits,
    gpu_request,
    host_config,
    let_nobody_read,
)
from benchmark.executors.docker.scorer_mounts import ScoringRoom
from benchmark.executors.docker.trainer import DockerTrainer, NotStarted
from benchmark.executors.docker.watchdog import Watchdog
from benchmark.executors.errors import ScorerError
from benchmark.spec.canonical import digest
from benchmark.store.layout import Home
from benchmark.store.outbox import remove_tree

_DESCRIBED: dict[tuple[str, str, str], tuple[dict[str, Any] | None, str]] = {}
"""Environment (None where torch sees no such device) and release of Python by (image id, device, GPU): what an image
describes on this machine does not change while we run."""

_DESCRIBE = (
    "import json, platform, torch; from benchmark.training.environment import describe_environment as d; "
    "device = torch.device({device!r}); there = device.type == 'cpu' or torch.cuda.is_available(); "
    "print('environment ' + json.dumps([d(device) if there else None, platform.python_version()]))"
)
_DESCRIBE_S = 300.0
_SCORING_S = 24 * 3600.0
_CLEAR_S = 60.0


class DockerExecutor:
    """Runs jobs in containers of a local engine.

    Args:
        home: whose jobs; containers of other homes are left alone.
        gpu: id of the one GPU that trainers and the scorer get with DEVICE=cuda.
        limits: sizes of trainers.

    Raises:
        EngineError: no engine answers.
        ImageError: the images are missing, or hold other code than this.
    """

    name = "docker"
    isolation: Literal["none", "docker"] = "docker"

    def __init__(self, home: Home, *, gpu: str = "0", limits: Limits | None = None) -> None:
        self._home, self._gpu = home, gpu
        self._engine = Engine()
        try:
            self._info = self._engine.info()
            self._trainer, self._scorer = (self._current_image(tag) for tag in (TRAINER_IMAGE, SCORER_IMAGE))
        except BaseException:
            self._engine.close()
            raise
        memory = int(self._info["MemTotal"])
        # More than the machine has would be no limit at all.
        self._limits = limits or replace(Limits(), memory=min(Limits().memory, memory * 9 // 10))
        self._scorer_limits = Limits(memory=memory * 9 // 10, pids=1024, file=8 << 30, open_files=4096)
        self.labels = {HOME_LABEL: home_label(home), DISPATCHER_LABEL: uuid.uuid4().hex}
        self._watchdog: Watchdog | None = None
        self._outboxes: list[Path] = []
        self._python: str | None = None

    def _current_image(self, tag: str) -> Image:
        image = self._engine.image(tag)
        if image is None:
            raise ImageError(f"the image {tag} is not there: run `make image` once")
        if image.labels.get(CODE_LABEL) != code_digest():
            raise ImageError(f"the image {tag} holds other code than this checkout: run `make image`")
        return image

    def close(self) -> None:
        """Remove what is left of outboxes, end the watchdog and give back connections."""
        for outbox in filter(Path.exists, self._outboxes):
            self._clear(outbox)
        if self._watchdog is not None:
            self._watchdog.close()
        self._engine.close()

    def provenance(self) -> dict[str, Any]:
        """Give facts for the record that change no bits: the engine and the images by content id."""
        return {
            "docker_engine": str(self._info.get("ServerVersion")),
            "trainer_image": self._trainer.id,
            "scorer_image": self._scorer.id,
            **({"python": self._python} if self._python else {}),
        }

    def recover(self) -> int:
        """Remove containers that a killed dispatcher of this home has left; says how many. Only with the home locked.

        Their outboxes stay: what they had finished is adopted by whoever called. Probes and janitors stay as well: a
        living dispatcher that waits for the lock may have started them, and a dead one's are removed by its watchdog.
        """
        mine = {HOME_LABEL: self.labels[HOME_LABEL]}
        return sum(self._engine.remove_labelled({**mine, ROLE_LABEL: role}) for role in ("trainer", "scorer"))

    def pick_device(self, choice: str) -> Literal["cpu", "cuda"]:
        """Resolve `auto`, `cpu` or `cuda` by what the engine can pass through and torch sees inside.

        Raises:
            ValueError: `cuda` was asked for and no GPU reaches the inside, in one sentence.
        """
        if choice == "cpu":
            return "cpu"
        try:
            self.environment("cuda")
        except ValueError:
            if choice == "cuda":
                raise
            return "cpu"
        return "cuda"

    def environment(self, device: str) -> dict[str, Any]:
        """Describe what trainers see, from inside a container.

        Raises:
            ValueError: `cuda` is asked for and no GPU can be passed through, or none is visible inside; one sentence.
            EngineError: the engine refuses, or the container ends with an error.
        """
        key = (self._trainer.id, device, self._gpu)
        if key not in _DESCRIBED:
            command = ["python", "-I", "-c", _DESCRIBE.format(device=device)]
            container = self._start("probe", self._trainer, command, {}, device=device, limit_s=_DESCRIBE_S)
            try:
                ended, printed = container.join(_DESCRIBE_S), container.printed(1 << 16)
            finally:
                container.remove()
            answers = [line for line in printed.splitlines() if line.startswith("environment ")]
            if ended is None or ended.code != 0 or len(answers) != 1:
                raise EngineError(f"the trainer image does not work on this machine: {printed.strip()[-500:]}")
            _DESCRIBED[key] = tuple(json.loads(answers[0].removeprefix("environment ")))
        described, self._python = _DESCRIBED[key]
        if described is None:
            raise ValueError(
                f"DEVICE=cuda: GPU {self._gpu} was passed to the container, but torch sees none inside; "
                "is the trainer image a CPU build (TORCH_INDEX), or the driver too old?"
            )
        return described

    def start(self, prepared: PreparedJob) -> DockerTrainer | NotStarted:
        """Start a trainer; one that the engine refuses says so when it is polled."""
        prepared.job_file.parent.chmod(0o700)  # nobody else on this machine, for the outbox within is open to all
        prepared.outbox.chmod(0o777)
        self._outboxes.append(prepared.outbox)
        for path in (prepared.job_file, prepared.submission, prepared.data, prepared.parents):
            let_nobody_read(path)
        mounts = {
            JOB_AT: (prepared.job_file, False), SUBMISSION_AT: (prepared.submission, False),
            DATA_AT: (prepared.data, False), PARENTS_AT: (prepared.parents, False), OUTBOX_AT: (prepared.outbox, True),
        }  # fmt: skip
        command = _open_to_all(
            "benchmark.training.trainer", "--job", JOB_AT, "--submission", SUBMISSION_AT, "--data", DATA_AT,
            "--parents", PARENTS_AT, "--outbox", OUTBOX_AT,
        )  # fmt: skip
        limit_s = self._limits.deadline_s(sum(segment.num_steps for segment in prepared.job.segments))
        deadline = time.time() + limit_s
        try:
            container = self._start(
                "trainer", self._trainer, command, mounts, device=prepared.job.device, limit_s=limit_s
            )
        except (EngineError, ValueError) as problem:
            return NotStarted(EngineError(str(problem)))
        return DockerTrainer(container, prepared, self._limits, deadline)

    def try_out(
        self, module: str, job_file: Path, submission: Path, arguments: Sequence[str], device: str, limit_s: float
    ) -> TrialEnd:
        """Run it in a container that holds the job and the submission, and nothing else."""
        for path in (job_file, submission):
            let_nobody_read(path)
        mounts = {JOB_AT: (job_file, False), SUBMISSION_AT: (submission, False)}
        command = [
            "python", "-I", "-m", f"benchmark.training.trials.{module}", "--job", JOB_AT, "--submission", SUBMISSION_AT,
            *arguments,
        ]  # fmt: skip
        container = self._start("trial", self._trainer, command, mounts, device=device, limit_s=limit_s)
        try:
            ended = container.join(limit_s)
            answer = container.printed(MAX_ANSWER_BYTES, stderr=False)
            return TrialEnd(ended.code if ended else None, answer, container.printed(4000, stdout=False))
        finally:
            container.remove()

    def score(self, job_file: Path, out: Path, on_wait: Callable[[], None]) -> None:
        """Run the scorer in a container that holds states and data, and no submission."""
        with ScoringRoom(self._home, job_file, out) as room:
            command = _open_to_all("benchmark.scoring.scorer", "--job", room.job_inside, "--out", room.out_inside)
            container = self._start(
                "scorer", self._scorer, command, room.mounts, device=room.job.device, limit_s=_SCORING_S
            )
            try:
                while (ended := container.join(0.2)) is None:
                    on_wait()
                if ended.code != 0:
                    cause = ended.lost or f"exit code {ended.code}{', out of memory' if ended.memory_event else ''}"
                    raise ScorerError(f"{container.printed(4000)}\n({cause})")
            finally:
                container.remove()

    def _clear(self, outbox: Path) -> None:
        """Remove an outbox in which a trainer has closed folders to us: only their owner, nobody, can open them."""
        command = ["sh", "-c", f"chmod -R u+rwX {OUTBOX_AT}; find {OUTBOX_AT} -mindepth 1 -delete"]
        try:
            container = self._start("janitor", self._trainer, command, {OUTBOX_AT: (outbox, True)}, limit_s=_CLEAR_S)
        except EngineError:
            return
        container.join(_CLEAR_S)
        container.remove()
        remove_tree(outbox.parent)

    def _start(
        self, role: str, image: Image, command: list[str], mounts: Mapping[str, tuple[Path, bool]], *, limit_s: float,
        device: str = "cpu",
    ) -> Container:  # fmt: skip
        if self._watchdog is None:
            self._watchdog = Watchdog(self.labels[DISPATCHER_LABEL])
        is_scorer = role == "scorer"
        config = host_config(
            self._scorer_limits if is_scorer else self._limits, mounts, num_cpus=None if is_scorer else 1,
            device_requests=[gpu_request(self._info, self._gpu)] if device == "cuda" else [],
        )  # fmt: skip
        labels = {**self.labels, ROLE_LABEL: role, DEADLINE_LABEL: str(time.time() + limit_s)}
        return self._engine.start(image, command, config, labels)


def home_label(home: Home) -> str:
    """Name a home on the labels of its containers, without telling its path."""
    return digest({"home": str(home.root.resolve())})[:32]


def _open_to_all(module: str, *arguments: str) -> list[str]:
    """Run a module such that the dispatcher, another user, can remove what it writes."""
    return ["sh", "-c", 'umask 0; exec python -I -m "$@"', "sh", module, *arguments]
