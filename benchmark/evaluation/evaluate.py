"""From a request to a record: the one road of the benchmark, each station in a room of its own.

admit -> load data -> plan -> train what is missing -> score -> record -> project to MLflow
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmark.admission.gate import MANIFEST, Admitted, admit, submission_digest
from benchmark.datasets.dataset import DatasetFacts, MissingDataError, declared_facts
from benchmark.encoder import layer_sizes
from benchmark.evaluation.record_builder import build_record
from benchmark.evaluation.scheduling.concurrency import default_workers, sharing_of, trainers_at_once
from benchmark.evaluation.scheduling.cost_history import (
    courses_of,
    learn_by_task,
    start_longest_first,
    usual_scoring_s,
)
from benchmark.evaluation.scheduling.eta import Forecast, Standing
from benchmark.evaluation.scheduling.jobs import prepare_jobs
from benchmark.evaluation.scheduling.progress import Audience, Reporter, StatusFile
from benchmark.evaluation.scheduling.supervisor import JobResult, supervise
from benchmark.evaluation.scorer_client import Answer, chosen_chunk_mib, run_scorer
from benchmark.executors.base import Executor
from benchmark.files.atomic import replace_folder, unfinished_folder
from benchmark.plan import Plan, TaskFacts, make_plan
from benchmark.plan.plan import task_name
from benchmark.recording.archive import read_record, write_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.signing_keys import role_of, signing_key
from benchmark.recording.status import status_name
from benchmark.spec import BenchmarkSpec, Problem, UserError
from benchmark.spec.canonical import digest
from benchmark.store.collector import adopt_leftovers
from benchmark.store.dataset_files import TaskData, TransferData, write_task_data, write_transfer_data
from benchmark.store.layout import Home, remove_unfinished
from benchmark.store.lock import only_one
from benchmark.store.outbox import remove_tree
from benchmark.store.state_store import Store

STALL_S = 900.0
"""Seconds without a single update after which a trainer is ended."""


@dataclass(frozen=True)
class Prepared:
    """A request after everything cheap: admitted, loaded and planned, nothing trained.

    `data` lacks the tasks whose images are not here, where it was planned without; `facts` has them all. `transfer` is
    empty where nothing may be downloaded, since nothing is scored there.
    """

    spec: BenchmarkSpec
    admitted: Admitted
    data: Mapping[str, TaskData]
    facts: Mapping[str, DatasetFacts]
    environment: Mapping[str, Any]
    plan: Plan
    device: Literal["cpu", "cuda"]
    transfer: tuple[TransferData, ...] = ()

    @property
    def evaluation_key(self) -> str:
        """Name the evaluation: what is trained (all leaf states) under which specification."""
        states = sorted(run.state_key for run in self.plan.runs)
        return digest({"spec": self.spec.identity, "submission": self.admitted.name, "states": states})

    def hyperparameters(self, task: str) -> dict[str, Any]:
        """Give the manifest's hyperparameters, resolved for a task's dataset."""
        return dict(self.admitted.manifest.resolved(self.data[task].dataset.name))


def prepare(
    spec: BenchmarkSpec, submission: Path, home: Home, executor: Executor, device: Literal["cpu", "cuda"], *,
    download: bool = True,
) -> Prepared:  # fmt: skip
    """Admit a submission, load the data and plan.

    Args:
        spec: the benchmark.
        submission: its directory.
        home: where data and states are kept.
        executor: where it will run.
        device: on what.
        download: whether missing data are fetched; without, a published dataset is planned with its published counts.

    Raises:
        UserError: the submission is refused, with every problem.
        ValueError: the plan is impossible.
    """
    admitted = _admit(submission, home)
    tasks = {task_name(spec, index): task for index, task in enumerate(spec.tasks)}
    data: dict[str, TaskData] = {}
    facts: dict[str, DatasetFacts] = {}
    for name, task in tasks.items():
        try:
            data[name] = write_task_data(home, task, download=download)
            facts[name] = data[name].dataset.facts
        except MissingDataError:
            declared = declared_facts(task.dataset)
            if declared is None:
                raise
            facts[name] = declared
    environment = executor.environment(device)
    task_facts = {
        name: TaskFacts(
            train_digest=data[name].dataset.train.digest if name in data else "not here",
            num_train=facts[name].num_train,
            layer_sizes=layer_sizes(task.encoder, facts[name].image_shape[0]),
        )
        for name, task in tasks.items()
    }
    digests = {
        name: submission_digest(admitted.manifest, admitted.code_digest, task.dataset.name)
        for name, task in tasks.items()
    }
    plan = make_plan(spec, task_facts, digests, digest(environment))
    transfer = write_transfer_data(home, spec) if download else ()
    return Prepared(spec, admitted, data, facts, environment, plan, device, transfer)


def _admit(submission: Path, home: Home) -> Admitted:
    """Admit into a private copy that is named by the code it contains.

    One that is there already stays, unless it was damaged: trainers of another evaluation may be reading it.
    """
    with unfinished_folder(home.submissions, "submission") as new:
        admitted = admit(submission, new)
        final = home.submissions / f"{admitted.name}-{admitted.code_digest[:16]}"
        if not _holds_the_code_of(final, new):
            replace_folder(new, final)
    return Admitted(admitted.name, admitted.manifest, admitted.code_digest, final, admitted.warnings)


def _holds_the_code_of(there: Path, new: Path) -> bool:
    files = [path.relative_to(new) for path in new.rglob("*") if path.is_file() and path.name != MANIFEST]
    return all((there / name).is_file() and (there / name).read_bytes() == (new / name).read_bytes() for name in files)


def evaluate(
    prepared: Prepared, home: Home, executor: Executor, reporter: Reporter, *, train: bool = True,
    workers: int | None = None,
) -> tuple[EvaluationRecord, Path]:
    """Train what is missing, score everything, write the record.

    Args:
        prepared: what to evaluate.
        home: where states and records are kept.
        executor: where jobs run.
        reporter: told how it goes.
        train: whether missing states are trained; without it (rescoring) they count as failed.
        workers: trainers and scorer processes at the same time, by default one per core.

    Returns:
        The record and where it is. Failed runs are in it with their reasons.

    Raises:
        UserError: rescoring was asked for, and not a single state is stored; or there is no key to sign with, or
            FMN_SCORING_CHUNK_MIB is no size.
    """
    # Before anything that costs hours.
    key = signing_key(role_of(executor.isolation), away_from=home.root)
    chosen_chunk_mib()
    workers = workers or default_workers()
    store = Store(home.segments)
    with only_one(home, status_name(prepared.admitted.name, prepared.spec.identity), reporter.stage):
        executor.recover()  # first of all: what still runs would go on writing into what is adopted next
        remove_unfinished(home)
        adopt_leftovers(home, store)
        if not train:
            _demand_something_trained(prepared, store)
        status = StatusFile(home.root, prepared.admitted.name, prepared.spec.identity, prepared.plan.num_updates)
        leaves = [store.path(run.state_key) for run in prepared.plan.runs]
        told = Audience(reporter, status, leaves, _usual_scoring_s(prepared, home))
        ended = _train(prepared, home, store, executor, told, workers) if train else []
        answer, scoring_s = _score(prepared, home, store, executor, told, workers)
        record = build_record(prepared, store, executor, ended, answer, scoring_s)
        path = write_record(home.records, record, answer.outcomes, answer.maps, key=key)
        status.remove()
        _drop_spent_states(prepared, store)
    return read_record(path), path


def _usual_scoring_s(prepared: Prepared, home: Home) -> float | None:
    spec = prepared.spec
    return usual_scoring_s(home.records, spec.model_dump(mode="json"), spec.identity, prepared.environment)


def _train(
    prepared: Prepared, home: Home, store: Store, executor: Executor, told: Audience, workers: int
) -> Sequence[JobResult]:
    plan, at_once = prepared.plan, trainers_at_once(prepared, workers)
    jobs = prepare_jobs(
        home, store, plan, prepared.spec.tasks, prepared.data, prepared.admitted, prepared.device,
        sharing=sharing_of(prepared.device, min(at_once, len(plan.subtrees))),
    )  # fmt: skip
    total = sum(segment.num_steps for job in jobs for segment in job.job.segments)
    told.reporter.stage(f"training {len(jobs)} seeds, {total} updates" if jobs else "everything is trained already")
    learned, tasks = learn_by_task(plan.subtrees, store), {subtree.root: subtree.task for subtree in plan.subtrees}
    jobs, courses = start_longest_first(jobs, courses_of(jobs, tasks, learned), at_once)
    forecast = Forecast(courses, at_once, in_seconds=bool(learned))

    def on_progress(standing: Standing) -> None:
        told.training(standing.updates, total, standing.loss, forecast.left_s(standing, time.monotonic()))

    try:
        if jobs:
            told.training(0, total, None, None)
        return supervise(executor, jobs, store, workers=at_once, stall_s=STALL_S, on_progress=on_progress)
    finally:
        for job in jobs:
            remove_tree(job.job_file.parent)


def _score(
    prepared: Prepared, home: Home, store: Store, executor: Executor, told: Audience, workers: int
) -> tuple[Answer, float]:
    """Score what is stored; gives the answer and how many seconds it took."""
    goes_on, started = told.scoring(), time.monotonic()
    answer = run_scorer(prepared, home, store, executor, workers, goes_on)
    return answer, time.monotonic() - started


def _demand_something_trained(prepared: Prepared, store: Store) -> None:
    """Refuse to write a record in which every run failed only because nobody has evaluated this yet."""
    if not any(store.has(run.state_key) for run in prepared.plan.runs):
        expected = "an evaluation that was made before, with the same code, hyperparameters and machine"
        got = f"no trained state of {prepared.admitted.name} on {prepared.spec.identity} in {store.folder.parent}"
        raise UserError([Problem("rescore", expected, f"{got}; use evaluate")])


def _drop_spent_states(prepared: Prepared, store: Store) -> None:
    """Forget method states below which everything is trained; dense trunks keep theirs, for schedules yet to come."""
    for subtree in prepared.plan.subtrees:
        if all(store.has(run.state_key) for run in subtree.runs):
            for segment in subtree.segments:
                if (segment.applied or segment.events) and store.has(segment.key):
                    store.drop_method_state(segment.key)
