"""Trying a submission in seconds, before any compute, in a process of its own: does it work, and what does it cost."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from benchmark.data.datasets import DatasetFacts, declared_facts, load_dataset
from benchmark.execution.home import Home
from benchmark.execution.process import child_environment
from benchmark.method.admission import Admitted, admit
from benchmark.spec import BenchmarkSpec, Problem, Task
from benchmark.spec.validation import InvalidDocument
from benchmark.training.job import TrainingJob

REHEARSAL_LIMIT_S = 120


class TrialFailed(RuntimeError):  # noqa: N818 - says what happened
    """A trial gave no answer; the message says why, for people."""


def check_submission(submission: Path, spec: BenchmarkSpec) -> tuple[str, ...]:
    """Check a submission against a specification.

    Returns:
        What a reviewer should look at.

    Raises:
        InvalidDocument: with every problem, each with its file and, where there is one, its line.
    """
    with tempfile.TemporaryDirectory() as folder:
        admitted = admit(submission, Path(folder) / "submission")
        problems = [problem for task in spec.tasks for problem in _rehearse(admitted, task)]
    if problems:
        raise InvalidDocument(problems)
    return admitted.warnings


def _rehearse(admitted: Admitted, task: Task) -> list[Problem]:
    facts = declared_facts(task.dataset) or load_dataset(task.dataset, Home.from_environment().folders).facts
    try:
        found = _try("rehearsal", admitted, task, facts, "cpu")
    except TrialFailed as failed:
        return [Problem("method.py", f"four updates within {REHEARSAL_LIMIT_S} s", str(failed))]
    return [Problem(str(where), str(expected), str(came)) for where, expected, came in found]


def time_submission(
    admitted: Admitted, task: Task, facts: DatasetFacts, device: Literal["cpu", "cuda"]
) -> tuple[float, int]:
    """Time a submission's updates on this machine.

    Returns:
        Seconds per update of the task's batch, and the number of images per update that were timed.

    Raises:
        TrialFailed: it did not work; says why.
    """
    timed = _try("timing", admitted, task, facts, device)
    return float(timed["seconds"]), int(timed["images"])


def _try(
    module: str, admitted: Admitted, task: Task, facts: DatasetFacts, device: Literal["cpu", "cuda"]
) -> Any:
    total_steps = max(1, facts.num_train // task.training.batch_size) * task.training.epochs
    job = TrainingJob(
        root="rehearsal", seed=0, encoder=task.encoder, dataset=task.dataset.name, flip=facts.flip, device=device,
        segments=(), num_classes=facts.num_classes if admitted.manifest.supervision == "labels" else None,
        batch_size=task.training.batch_size, total_steps=total_steps, precision=task.training.precision,
        checkpoint_interval=1, checkpoint_every_s=60,
        hyperparameters=dict(admitted.manifest.resolved(task.dataset.name)),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        job_file = Path(folder) / "job.json"
        job_file.write_text(job.model_dump_json(), encoding="utf-8")
        command = [
            sys.executable, "-I", "-m", f"benchmark.training.{module}", "--job", str(job_file),
            "--submission", str(admitted.directory), "--image-shape", *map(str, facts.image_shape),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=REHEARSAL_LIMIT_S, env=child_environment(), check=False
            )
        except subprocess.TimeoutExpired:
            raise TrialFailed("no end") from None
    try:
        return json.loads(done.stdout)
    except ValueError:
        last_words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["nothing"]
        raise TrialFailed(f"exit {done.returncode}: {last_words[0]}") from None
