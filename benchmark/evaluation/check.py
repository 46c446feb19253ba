"""Trying a submission in seconds, before any compute, where trainers run: does it work, and what does it cost."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from benchmark.admission.gate import Admitted, admit
from benchmark.datasets.dataset import DatasetFacts, declared_facts, load_dataset
from benchmark.evaluation.scheduling.concurrency import default_workers
from benchmark.executors.base import Executor, ManyTrialsExecutor, ProgramResult, Trial
from benchmark.spec import BenchmarkSpec, Problem, Task, UserError
from benchmark.store.layout import Home
from benchmark.training.training_job import TrainingJob
from benchmark.training.trials.fewer_pixels import pixel_step

REHEARSAL_LIMIT_S = 240
"""Processor time of a rehearsal, which a machine that is busy with other work does not use up."""

REHEARSAL_WALL_S = 900
"""When a rehearsal is ended that uses no processor time, or does not let itself be ended."""

TIMING_LIMIT_S = 120
"""When the timing of some updates is ended."""


_MOST = 2**53
"""Largest number that a submission, which may lie, can make anybody calculate with."""


class TrialCost(BaseModel):
    """What some updates of one model cost here; numbers that the submission may have made up."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seconds: Annotated[float, Field(gt=0, le=_MOST)]
    """Seconds per update of the task's batch, views included."""
    images: Annotated[int, Field(ge=1, le=_MOST)]
    """Images per update that were tried."""
    peak_bytes: Annotated[int, Field(ge=0, le=_MOST)]
    """Largest memory of the trainer during an update of the task's batch."""
    model_bytes: Annotated[int, Field(ge=0, le=_MOST)]
    """Memory that one more model alive at the same time takes."""
    most_models: Annotated[int, Field(ge=1, le=_MOST)]
    """How many models a trainer keeps alive at once at most."""

    def predicted_bytes(self, models: int, image_bytes: int) -> int:
        """Predict the largest memory of a trainer in which `models` are due at once, with its training images."""
        return self.peak_bytes + (min(models, self.most_models) - 1) * self.model_bytes + image_bytes


_FINDINGS = TypeAdapter(list[tuple[str, str, str]])


class TrialError(RuntimeError):
    """A trial gave no answer; the message says why, for people."""


@dataclass(frozen=True)
class Checked:
    """What the check of one submission has found.

    Attributes:
        problems: everything that is wrong, each with its file and, where there is one, its line.
        notes: what a reviewer should look at, and what was passed over among the pictures; a sentence each.
        tried: how it was tried, where that is not as it will be trained; a sentence each.
    """

    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()


def check_submission(submission: Path, spec: BenchmarkSpec, executor: Executor) -> tuple[str, ...]:
    """Check a submission against a specification.

    Returns:
        What a reviewer should look at, and what was passed over among the pictures; a sentence each.

    Raises:
        UserError: with every problem, each with its file and, where there is one, its line.
        ExecutorError: it could not be tried where it was asked for.
    """
    (checked,) = check_submissions([submission], spec, executor)
    if checked.problems:
        raise UserError(checked.problems)
    return checked.notes


def check_submissions(submissions: Sequence[Path], spec: BenchmarkSpec, executor: Executor) -> list[Checked]:
    """Check submissions against a specification, each by itself, several at a time where the executor can do that.

    Raises:
        UserError: the pictures of the specification are refused.
        ExecutorError: they could not be tried where it was asked for.
    """
    with tempfile.TemporaryDirectory() as folder:
        admitted = [_admitted(each, Path(folder) / str(number), spec) for number, each in enumerate(submissions)]
        is_wanted = any(isinstance(each, Admitted) for each in admitted)
        facts = [_facts(task) for task in spec.tasks] if is_wanted else []
        noted = tuple(dict.fromkeys(f"pictures: {note}" for _, notes in facts for note in notes))
        tried = tuple(dict.fromkeys(filter(None, map(_how_tried, spec.tasks, (each for each, _ in facts)))))
        rehearsals = [
            (number, _rehearsal(each, task, facts[index][0], Path(folder) / f"{number}-{index}"))
            for number, each in enumerate(admitted) if isinstance(each, Admitted)
            for index, task in enumerate(spec.tasks)
        ]  # fmt: skip
        ended = _run([trial for _, trial in rehearsals], executor)
    found: list[list[Problem]] = [[] for _ in submissions]
    for (number, _), result in zip(rehearsals, ended, strict=True):
        found[number] += _rehearsed(result)
    return [
        Checked(tuple(problems), (*(f"for review: {warning}" for warning in each.warnings), *noted), tried)
        if isinstance(each, Admitted) else Checked(each)
        for each, problems in zip(admitted, found, strict=True)
    ]  # fmt: skip


def _admitted(submission: Path, into: Path, spec: BenchmarkSpec) -> Admitted | tuple[Problem, ...]:
    try:
        return admit(submission, into).under(spec.name)
    except UserError as error:
        return error.problems


def _run(trials: Sequence[Trial], executor: Executor) -> list[ProgramResult]:
    """Run trials on the processor. A single one needs no process to be forked from."""
    if len(trials) > 1 and isinstance(executor, ManyTrialsExecutor):
        return executor.run_trials(trials, default_workers())
    return [
        executor.run_trial(each.name, each.job_file, each.submission, each.arguments, "cpu", each.limit_s)
        for each in trials
    ]


def _facts(task: Task) -> tuple[DatasetFacts, tuple[str, ...]]:
    """Return what a rehearsal must know of a task's images, and the notes on them if they had to be read."""
    if declared := declared_facts(task.dataset):
        return declared, ()
    dataset = load_dataset(task.dataset, Home.from_environment().folders)
    return dataset.facts, dataset.notes


def _how_tried(task: Task, facts: DatasetFacts) -> str:
    """Say what a rehearsal does otherwise than training, or nothing."""
    _, height, width = facts.image_shape
    step = pixel_step(height, width)
    if step == 1:
        return ""
    return (
        f"tried on {task.dataset.name} with {task.training.batch_size} images per update, of whose {height} x {width} "
        f"pixels the encoder was given {-(-height // step)} x {-(-width // step)}, and with a few whole images"
    )


def _rehearsed(ended: ProgramResult) -> list[Problem]:
    """Return what a rehearsal has found: text that the submission may have made up."""
    try:
        found = _FINDINGS.validate_python(_answer(ended))
    except ValidationError:
        return [Problem("method.py", "a rehearsal that answers for itself", "an answer of another form")]
    except TrialError as failed:
        return [Problem("method.py", f"four updates within {REHEARSAL_WALL_S} s", str(failed))]
    return [Problem(where, expected, got) for where, expected, got in found]


def try_updates_of(
    admitted: Admitted, task: Task, facts: DatasetFacts, device: Literal["cpu", "cuda"], executor: Executor, *,
    is_compiled: bool,
) -> TrialCost:  # fmt: skip
    """Make some updates of a submission on this machine, with a compiled encoder where its plan says so.

    Raises:
        TrialError: it did not work; says why.
        ExecutorError: it could not be tried where it was asked for.
    """
    with tempfile.TemporaryDirectory() as folder:
        timing = _trial("timing", admitted, task, facts, device, Path(folder) / "job", TIMING_LIMIT_S, is_compiled)
        ended = executor.run_trial(
            timing.name, timing.job_file, timing.submission, timing.arguments, device, timing.limit_s
        )
    try:
        return TrialCost.model_validate(_answer(ended))
    except ValidationError:
        raise TrialError("an answer of another form") from None


def _rehearsal(admitted: Admitted, task: Task, facts: DatasetFacts, folder: Path) -> Trial:
    trial = _trial("rehearsal", admitted, task, facts, "cpu", folder, REHEARSAL_WALL_S)
    return replace(trial, arguments=(*trial.arguments, "--processor-s", str(REHEARSAL_LIMIT_S)))


def _trial(
    module: str, admitted: Admitted, task: Task, facts: DatasetFacts, device: Literal["cpu", "cuda"], folder: Path,
    limit_s: float, is_compiled: bool = False,
) -> Trial:  # fmt: skip
    """Write the job of a trial into a folder of its own, which is made here."""
    total_steps = max(1, facts.num_train // task.training.batch_size) * task.training.epochs
    job = TrainingJob(
        root="rehearsal", seed=0, encoder=task.encoder, dataset=task.dataset.name, flip=facts.flip, device=device,
        segments=(), num_classes=facts.num_classes if admitted.manifest.supervision == "labels" else None,
        batch_size=task.training.batch_size, total_steps=total_steps, precision=task.training.precision,
        checkpoint_interval=1, checkpoint_every_s=60, capturable=admitted.manifest.capturable, is_compiled=is_compiled,
        hyperparameters=dict(admitted.manifest.resolved(task.dataset.name)),
    )  # fmt: skip
    folder.mkdir()
    job_file = folder / "job.json"
    job_file.write_text(job.model_dump_json(), encoding="utf-8")
    shape = ("--image-shape", *map(str, facts.image_shape))
    return Trial(module, job_file, admitted.directory, shape, limit_s)


def _answer(ended: ProgramResult) -> object:
    """Return the JSON that a trial has answered with: text that the submission may have made up.

    Raises:
        TrialError: it gave none; says why.
    """
    if ended.exit_code is None:
        raise TrialError("no end")
    try:
        return json.loads(ended.stdout)
    except (ValueError, RecursionError):
        last_words = ended.stderr.strip().splitlines()[-1:] or ["nothing"]
        raise TrialError(f"exit {ended.exit_code}: {last_words[0]}") from None
