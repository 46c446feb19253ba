"""Checking a submission in seconds, before any compute: admission, then a rehearsal in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmark.data.datasets import load_dataset
from benchmark.execution.process import child_environment
from benchmark.method.admission import Admitted, admit
from benchmark.spec import BenchmarkSpec, Problem
from benchmark.spec.validation import InvalidDocument
from benchmark.training.job import TrainingJob

REHEARSAL_LIMIT_S = 120


def check_submission(submission: Path, spec: BenchmarkSpec) -> tuple[str, ...]:
    """Check a submission against a specification.

    Returns:
        What a reviewer should look at.

    Raises:
        InvalidDocument: with every problem, each with its file and, where there is one, its line.
    """
    with tempfile.TemporaryDirectory() as folder:
        admitted = admit(submission, Path(folder) / "submission")
        problems = [
            problem for index in range(len(spec.tasks)) for problem in _rehearse(admitted, spec, index, Path(folder))
        ]
    if problems:
        raise InvalidDocument(problems)
    return admitted.warnings


def _rehearse(admitted: Admitted, spec: BenchmarkSpec, index: int, folder: Path) -> list[Problem]:
    task = spec.tasks[index]
    dataset = load_dataset(task.dataset)
    total_steps = max(1, len(dataset.train.labels) // task.training.batch_size) * task.training.epochs
    job = TrainingJob(
        root="rehearsal", seed=0, encoder=task.encoder, dataset=dataset.name, device="cpu", segments=(),
        num_classes=dataset.num_classes if admitted.manifest.supervision == "labels" else None,
        batch_size=task.training.batch_size, total_steps=total_steps, checkpoint_interval=1, checkpoint_every_s=60,
        hyperparameters=dict(admitted.manifest.resolved(dataset.name)),
    )  # fmt: skip
    job_file = folder / f"job-{index}.json"
    job_file.write_text(job.model_dump_json(), encoding="utf-8")
    shape = [str(size) for size in dataset.train.images.shape[1:]]
    command = [
        sys.executable, "-I", "-m", "benchmark.training.rehearsal", "--job", str(job_file),
        "--submission", str(admitted.directory), "--image-shape", *shape,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=REHEARSAL_LIMIT_S, env=child_environment(), check=False
        )
    except subprocess.TimeoutExpired:
        return [Problem("method.py", f"four updates within {REHEARSAL_LIMIT_S} s", "no end")]
    try:
        found = json.loads(done.stdout)
    except ValueError:
        last_words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["nothing"]
        came = f"exit {done.returncode}: {last_words[0]}"
        return [Problem("method.py", "a process that lives through four updates", came)]
    return [Problem(str(where), str(expected), str(came)) for where, expected, came in found]
