"""Trainers and scorers as forks of one process that has imported torch already: real processes, without the wait."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import torch

from benchmark.evaluation import training as training_step
from benchmark.evaluation.evaluate import evaluate
from benchmark.evaluation.preparation import Prepared, prepare
from benchmark.evaluation.scheduling import jobs as preparation
from benchmark.evaluation.scheduling.progress import TrainingProgress
from benchmark.evaluation.scorer_client import run_scorer
from benchmark.executors.base import PreparedJob, ProgramResult
from benchmark.executors.failure import Evidence
from benchmark.executors.process import ProcessExecutor
from benchmark.executors.scorer_end import scorer_failure
from benchmark.recording.isolation import Isolation
from benchmark.recording.record import EvaluationRecord
from benchmark.scoring import scorer
from benchmark.scoring.scoring_job import ScoringJob
from benchmark.spec import BenchmarkSpec
from benchmark.store.claims import Claims
from benchmark.store.layout import Home
from benchmark.store.state_store import Store
from benchmark.training import trainer
from benchmark.training.environment import describe_environment


def warm_context() -> BaseContext:
    """Give a context whose processes are forks of a clean interpreter with one thread and everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmark.training.trainer", "benchmark.scoring.scorer"])
    return context


@dataclass
class WarmTrainer:
    """A trainer in a forked process."""

    process: BaseProcess

    def poll(self) -> Evidence | None:
        """Say how it ended, or None while it runs."""
        return None if self.process.exitcode is None else Evidence(exit_code=self.process.exitcode)

    def kill(self) -> None:
        """End it and wait until it is gone."""
        self.process.kill()
        self.process.join()


@dataclass
class WarmExecutor:
    """Does what the process executor does, with warm processes; counts the trainers that it started."""

    context: Any = field(default_factory=warm_context)
    name: str = "process"
    isolation: Isolation = "none"
    num_started: int = 0

    def pick_device(self, choice: str) -> Literal["cpu", "cuda"]:
        """Train on the CPU."""
        return "cpu"

    def environment(self, device: str) -> dict[str, Any]:
        """Describe this machine, as the process executor does."""
        return describe_environment(torch.device(device))

    def provenance(self, device: str) -> dict[str, Any]:
        """Nothing to add."""
        return {}

    def recover(self, claims: Claims | None = None) -> int:
        """Nothing to end."""
        return 0

    def close(self) -> None:
        """Nothing to give back."""

    def start(self, prepared: PreparedJob) -> WarmTrainer:
        """Start a trainer."""
        self.num_started += 1
        process = self.context.Process(target=_train, args=(prepared,))
        process.start()
        return WarmTrainer(process)

    def run_trial(
        self, name: str, job_file: Path, submission: Path, arguments: Sequence[str], device: str, limit_s: float
    ) -> ProgramResult:
        """Run it as the process executor does."""
        return ProcessExecutor().run_trial(name, job_file, submission, arguments, device, limit_s)

    def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
        """Run the scorer to its end."""
        log.parent.mkdir(parents=True, exist_ok=True)
        process = self.context.Process(target=_score, args=(job_file, out, log))
        process.start()
        process.join()
        if process.exitcode:
            raise scorer_failure(log, process.exitcode)


def _train(prepared: PreparedJob) -> None:
    arguments = ["--job", prepared.job_file, "--submission", prepared.submission, "--data", prepared.data]
    _become(prepared.log, prepared.outbox, *arguments, "--parents", prepared.parents, "--outbox", prepared.outbox)
    trainer.main()


def _score(job_file: Path, out: Path, log: Path) -> None:
    _become(log, out, "--job", job_file, "--out", out)
    torch.set_num_threads(1)
    scorer.main()


def _become(log: Path, folder: Path, *arguments: object) -> None:
    """Take the place of a program started with these arguments in that folder, its output in a log."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.chdir(folder)
    sys.argv = ["program", *map(str, arguments)]


@dataclass
class Notes:
    """A reporter that remembers the stations and warnings."""

    stages: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])

    def stage(self, text: str) -> None:
        """Remember it."""
        self.stages.append(text)

    def warn(self, text: str) -> None:
        """Remember it."""
        self.warnings.append(text)

    def training(self, progress: TrainingProgress) -> None:
        """Check that progress makes sense."""
        assert 0 <= progress.updates <= progress.total_updates
        assert 0 <= progress.runs <= progress.total_runs

    def waiting(self) -> None:
        """Nothing to remember."""


def request(spec: BenchmarkSpec, submission: Path, root: Path, executor: WarmExecutor | None = None) -> Prepared:
    """Admit, load and plan on the CPU."""
    return prepare(spec, submission, Home(root), executor or WarmExecutor(), "cpu")


def evaluate_warm(
    spec: BenchmarkSpec, submission: Path, root: Path, *, executor: WarmExecutor | None = None, train: bool = True
) -> tuple[EvaluationRecord, Path]:
    """Evaluate in a home with warm processes."""
    executor = executor or WarmExecutor()
    return evaluate(request(spec, submission, root, executor), Home(root), executor, Notes(), train=train, workers=2)


def dispatch(spec: BenchmarkSpec, submission: Path, root: Path, checkpoint_every_s: float) -> None:
    """Be a dispatcher whose trainers are its own forks; meant to run in a process that will be killed."""
    preparation.CHECKPOINT_EVERY_S = checkpoint_every_s  # pyright: ignore[reportConstantRedefinition]
    training_step.STALL_S = 60.0  # pyright: ignore[reportConstantRedefinition]
    evaluate_warm(spec, submission, root, executor=WarmExecutor(multiprocessing.get_context("fork")))


def store_of(root: Path) -> Store:
    """Open the store of a home afresh, so that everything in it is verified again."""
    return Store(Home(root).segments)


def snapshot(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Give inode, modification time and size of every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    facts = ((path, path.stat()) for path in files)
    return {str(path.relative_to(folder)): (fact.st_ino, fact.st_mtime_ns, fact.st_size) for path, fact in facts}


def copy_home(source: Path, target: Path) -> Path:
    """Copy states and outcomes of a home, but neither its records nor its MLflow."""
    for name in ("segments", "outcomes", "data"):
        shutil.copytree(source / name, target / name)
    return target


def processes_in(folder: Path) -> list[int]:
    """List the processes whose working directory is below a folder."""
    found: list[int] = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if str(link.readlink()).startswith(str(folder)):
                found.append(int(link.parent.name))
        except OSError:
            continue
    return found


def wait_until(condition: Callable[[], object], limit_s: float = 60.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def jobs_of(prepared: Prepared, root: Path) -> list[PreparedJob]:
    """Write the jobs of everything that is not trained yet, one per seed."""
    home, admitted = Home(root), prepared.admitted
    return preparation.prepare_jobs(
        home, Store(home.segments), prepared.plan, prepared.spec.tasks, prepared.data, admitted, "cpu"
    )


class _Capture(WarmExecutor):
    job: ScoringJob

    def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
        """Remember the job and run nothing."""
        self.job = ScoringJob.model_validate_json(job_file.read_bytes())
        raise InterruptedError


def scoring_job(prepared: Prepared, root: Path) -> ScoringJob:
    """Give the job that the scorer of an evaluation would get, one process reading."""
    executor = _Capture()
    with suppress(InterruptedError):
        run_scorer(prepared, Home(root), store_of(root), executor, 1, lambda: None)
    return executor.job


def exit_code_of(act: Callable[[], object]) -> int:
    """Do something in a fork of this very process, for what must not survive; gives the fork's exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn where threads are running
        child = os.fork()
    if child == 0:
        act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
