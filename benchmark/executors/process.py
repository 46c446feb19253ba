"""The process executor: trainers and the scorer as child processes. It isolates nothing, and records say so."""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from benchmark.executors.base import PreparedJob, ProgramResult, Trial
from benchmark.executors.child_process import VISIBLE_GPUS, ChildProcess, child_environment
from benchmark.executors.described_machine import may_have_gpu, remembered_environment
from benchmark.executors.errors import ExecutorError
from benchmark.executors.failure import Evidence
from benchmark.executors.gpus import GpuPool, chosen_gpus, demand_one_model, named_gpus
from benchmark.executors.output_log import Head, LogFile, Tail
from benchmark.executors.programs import (
    DESCRIBE_S,
    MAX_ANSWER_BYTES,
    MAX_SHOWN_BYTES,
    describe_program,
    scorer_program,
    trainer_program,
    trial_arguments,
    trial_program,
)
from benchmark.executors.scorer_end import scorer_failure
from benchmark.executors.trial_server import OUTPUTS, RESULTS_FILE, TrialRequest
from benchmark.printable import spelled_out_bytes
from benchmark.recording.isolation import Isolation
from benchmark.store.claims import Claims


class ProcessTrainer:
    """A trainer in a child process.

    Args:
        child: the process.
        on_end: called once when it has ended.
    """

    def __init__(self, child: ChildProcess, on_end: Callable[[], None] = lambda: None) -> None:
        self._child, self._on_end = child, on_end

    @property
    def pid(self) -> int:
        """Id of its process."""
        return self._child.pid

    def poll(self) -> Evidence | None:
        """Return how it ended, or None while it runs."""
        code = self._child.poll()
        if code is None:
            return None
        self._has_ended()
        return Evidence(exit_code=code)

    def kill(self) -> None:
        """End it and everything that it has started, and wait until it is gone."""
        self._child.kill()
        self._has_ended()

    def _has_ended(self) -> None:
        on_end, self._on_end = self._on_end, lambda: None
        on_end()


class ProcessExecutor:
    """Runs jobs as child processes, one thread each; a trainer sees one GPU, the scorer all that were chosen."""

    name = "process"
    isolation: Isolation = "none"

    def __init__(self) -> None:
        self._pool: GpuPool | None = None

    @property
    def gpus(self) -> tuple[str, ...]:
        """Ids of the GPUs that `pick_device` has chosen."""
        return () if self._pool is None else self._pool.ids

    def pick_device(self, choice: str) -> Literal["cpu", "cuda"]:
        """Resolve `auto`, `cpu`, `cuda` or `cuda:0,2` by what torch sees here; without a driver it is not asked."""
        named = named_gpus(choice)
        if choice == "cpu" or (choice == "auto" and not may_have_gpu()):
            return "cpu"
        from benchmark.training.environment import gpu_models, pick_device  # imports torch, which takes seconds

        if pick_device("cuda" if named else choice).type != "cuda":
            return "cpu"
        models = gpu_models()
        ids = child_environment().get(VISIBLE_GPUS, "").split(",")
        visible = ids if len(ids) == len(models) and all(ids) else [str(number) for number in range(len(models))]
        chosen = chosen_gpus(choice, visible)
        demand_one_model([models[visible.index(gpu)] for gpu in chosen])
        self._pool = GpuPool(chosen)
        return "cuda"

    def environment(self, device: str) -> dict[str, Any]:
        """Describe this Python installation and machine."""
        if device == "cpu":
            return remembered_environment(_described_by_child)
        import torch

        from benchmark.training.environment import describe_environment

        return describe_environment(torch.device(device))

    def provenance(self, device: str) -> dict[str, Any]:
        """Return the release of Python that children run."""
        return {"python": platform.python_version()}

    def recover(self, claims: Claims | None = None) -> int:
        """Return 0: children die with their dispatcher, even after SIGKILL."""
        return 0

    def close(self) -> None:
        """Do nothing: the executor holds nothing."""

    def start(self, prepared: PreparedJob) -> ProcessTrainer:
        """Start a trainer."""
        program = trainer_program(
            job=prepared.job_file, submission=prepared.submission, data=prepared.data, parents=prepared.parents,
            outbox=prepared.outbox,
        )  # fmt: skip
        log, pool = LogFile(prepared.log), self._pool
        if prepared.job.device == "cpu" or pool is None:
            return ProcessTrainer(ChildProcess(program, prepared.outbox, log))
        gpu = pool.take(prepared.gpu)
        try:
            child = ChildProcess(program, prepared.outbox, log, gpus=[gpu], compiler_cache=prepared.compiler_cache)
        except BaseException:
            pool.give_back(gpu)
            raise
        return ProcessTrainer(child, lambda: pool.give_back(gpu))

    def run_trial(
        self, name: str, job_file: Path, submission: Path, arguments: Sequence[str], device: str, limit_s: float
    ) -> ProgramResult:
        """Run a trial as a child process."""
        program = trial_program(name, job=job_file, submission=submission, arguments=arguments)
        stdout, stderr = Head(MAX_ANSWER_BYTES), Tail(MAX_SHOWN_BYTES)
        child = ChildProcess(program, job_file.parent, stdout, stderr, gpus=self.gpus[:1] or None)
        try:
            code = child.join(limit_s)
        finally:
            child.kill()
        return ProgramResult(code, spelled_out_bytes(stdout.content), spelled_out_bytes(stderr.content))

    def run_trials(self, trials: Sequence[Trial], at_once: int) -> list[ProgramResult]:
        """Run trials as forks of one child process that has imported torch.

        Raises:
            ExecutorError: that process ended without results.
        """
        requests = [
            TrialRequest(
                name=each.name, folder=str(each.job_file.parent), limit_s=each.limit_s,
                arguments=tuple(
                    trial_arguments(job=each.job_file, submission=each.submission, arguments=each.arguments)
                ),
            )
            for each in trials
        ]  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            file, said = Path(folder) / "requests.json", Tail(MAX_SHOWN_BYTES)
            file.write_text(json.dumps({"requests": [asdict(each) for each in requests], "at_once": at_once}))
            child = ChildProcess(["benchmark.executors.trial_server", str(file)], file.parent, said)
            try:
                child.join(sum(each.limit_s for each in trials) + DESCRIBE_S)
                results = json.loads((file.parent / RESULTS_FILE).read_bytes())
            except (OSError, ValueError) as error:
                end = spelled_out_bytes(said.content).strip()[-500:] or "nothing"
                raise ExecutorError(f"trials do not work on this machine: they ended after: {end}") from error
            finally:
                child.kill()
        return [
            ProgramResult(each["exit_code"], *(spelled_out_bytes(bytes.fromhex(each[name])) for name in OUTPUTS))
            for each in results
        ]

    def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
        """Run the scorer in isolated mode: it can import neither the working directory nor a submission."""
        log.unlink(missing_ok=True)
        child = ChildProcess(scorer_program(job=job_file, out=out), out, LogFile(log), gpus=self.gpus or None)
        try:
            while (code := child.join(0.2)) is None:
                on_wait()
        finally:
            child.kill()
        if code != 0:
            raise scorer_failure(log, code)


def _described_by_child() -> dict[str, Any]:
    """Ask a child, which has the environment of a trainer.

    Raises:
        ExecutorError: it gives no answer.
    """
    answer, errors = Head(MAX_ANSWER_BYTES), Tail(MAX_SHOWN_BYTES)
    child = ChildProcess(describe_program("cpu"), Path(tempfile.gettempdir()), answer, errors)
    try:
        code = child.join(DESCRIBE_S)
    finally:
        child.kill()
    try:
        return json.loads(answer.content)["environment"]
    except (ValueError, KeyError) as error:
        said = spelled_out_bytes(errors.content).strip()[-500:] or "nothing"
        raise ExecutorError(f"trainers do not work on this machine: exit code {code} after: {said}") from error
