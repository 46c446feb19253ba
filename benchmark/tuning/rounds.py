"""One round of a search: some settings trained side by side on the smaller training set, and read on validation images.

Nothing here differs from an evaluation but what is asked for: dense models, a few of them, and the linear probe alone.
Every model has a trainer of its own: views and losses of settings differ, so that they cannot share a batch of views.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from benchmark.evaluation.failures import NEVER_STARTED, failure_of, reported_failures
from benchmark.evaluation.preparation import Prepared, plan_of
from benchmark.evaluation.scheduling.concurrency import default_workers, trainers_at_once, trainers_per_device
from benchmark.evaluation.scheduling.eta import JobsProgress
from benchmark.evaluation.scheduling.jobs import is_anything_missing, prepare_jobs
from benchmark.evaluation.scheduling.progress import Reporter, TrainingProgress
from benchmark.evaluation.scheduling.supervisor import JobResult, supervise
from benchmark.evaluation.scorer_client import chosen_chunk_mib, scored
from benchmark.evaluation.trainer_start import demand_a_start
from benchmark.evaluation.training import STALL_S, slots_for, slots_taken, take_over
from benchmark.executors.base import Executor, PreparedJob
from benchmark.executors.errors import ExecutorError
from benchmark.plan import Plan, Subtree
from benchmark.recording.record import Failure
from benchmark.scoring.metric_names import PROBE_ACCURACY
from benchmark.scoring.scoring_job import RunToScore, ScoringJob, TaskToScore
from benchmark.spec import BenchmarkSpec, Evaluation, PopulationSpec
from benchmark.store.claims import Claims, tree_claim
from benchmark.store.layout import Home
from benchmark.store.origin import JobOrigin
from benchmark.store.outbox import remove_tree
from benchmark.store.state_store import Store
from benchmark.tuning.search import Values

MODELS = 2
"""Models that are trained per setting and task, with the seeds 0 and 1."""


class Result(NamedTuple):
    """What a setting gave: mean accuracy over its models and tasks, or 0 and why a model has none."""

    accuracy: float
    failure: str | None = None


class Place(NamedTuple):
    """Where settings are trained, who is told how it goes, and what this dispatcher claims."""

    home: Home
    store: Store
    executor: Executor
    reporter: Reporter
    claims: Claims


def on_validation(spec: BenchmarkSpec) -> BenchmarkSpec:
    """Return a specification as a search needs it: scored on validation images, few models, the linear probe alone."""
    tasks = tuple(
        task.model_copy(update={"dataset": task.dataset.model_copy(update={"evaluate_on": "validation"})})
        for task in spec.tasks
    )
    return spec.model_copy(
        update={
            "tasks": tasks, "population": PopulationSpec(models=MODELS),
            "evaluation": Evaluation(linear=spec.evaluation.linear),
        }
    )  # fmt: skip


def try_settings(
    prepared: Prepared, spec: BenchmarkSpec, settings: Sequence[Values], place: Place, done: int, most: int
) -> list[Result]:
    """Train and read some settings.

    Args:
        prepared: the submission on the specification that `on_validation` gives.
        spec: that specification.
        settings: hyperparameters that take other values.
        place: where they are trained.
        done: settings that were compared before.
        most: settings of the whole search.

    Returns:
        What each setting gave.

    Raises:
        ExecutorError: trainers or the scorer cannot run here; nothing is said of a setting then.
    """
    trials = [_with_values(prepared, spec, values) for values in settings]
    place.reporter.stage(f"settings {done + 1} to {done + len(settings)} of {most}")
    ended = _train(trials, place, done, most)
    failures = {key: failure_of(*each) for key, each in reported_failures(ended).items()}
    for failure in failures.values():
        if failure.reason == "environment":
            raise ExecutorError(f"a setting could not be trained here; the same command goes on: {failure.message}")
    accuracy = _read(trials, place)
    return [_result(trial, accuracy, failures) for trial in trials]


def _with_values(prepared: Prepared, spec: BenchmarkSpec, values: Values) -> Prepared:
    """Plan the dense models of a submission with some hyperparameters changed."""
    manifest = prepared.admitted.manifest
    changed = manifest.model_copy(update={"specification_overrides": {spec.name: dict(values)}}).under(spec.name)
    admitted = replace(prepared.admitted, manifest=changed)
    dense = spec.model_copy(update={"schedules": ()})
    plan = plan_of(dense, admitted, prepared.data, prepared.facts, prepared.environment)
    return replace(prepared, admitted=admitted, plan=plan)


def _train(trials: Sequence[Prepared], place: Place, done: int, most: int) -> list[JobResult]:
    """Train what is missing of all settings; trees that another search trains are waited for, last of all."""
    home, store, executor, reporter, claims = place
    wanted = [
        each.root
        for trial in trials for each in trial.plan.subtrees if is_anything_missing(each, store, executor.isolation)
    ]  # fmt: skip
    results: list[JobResult] = []
    for mine in claims.in_turns([tree_claim(root) for root in wanted], reporter.stage):
        store.forget_isolation()
        take_over(home, store, executor, claims)
        plans = [Plan(tuple(each for each in t.plan.subtrees if tree_claim(each.root) in mine)) for t in trials]
        claimed = [replace(trial, plan=plan) for trial, plan in zip(trials, plans, strict=True)]
        results += _train_claimed(claimed, place, done, most)
    return results


def _train_claimed(trials: Sequence[Prepared], place: Place, done: int, most: int) -> list[JobResult]:
    home, store, executor, reporter, claims = place
    first = trials[0]
    at_once = trainers_at_once(first.device, first.update_flops, default_workers(executor), executor)
    made_by = JobOrigin(isolation=executor.isolation, executor=executor.name)
    sharing = trainers_per_device(first.device, at_once, executor)
    slots = slots_for(first, home, executor, claims.what, reporter.stage)
    jobs: list[PreparedJob] = []
    try:
        for trial in trials:
            jobs += prepare_jobs(
                home, store, trial.plan, trial.spec.tasks, trial.data, trial.admitted, trial.device,
                sharing=sharing, made_by=made_by,
            )  # fmt: skip
        total = sum(segment.num_steps for job in jobs for segment in job.job.segments)
        started = time.monotonic()

        def on_progress(progress: JobsProgress) -> None:
            spent_s = time.monotonic() - started
            left_s = spent_s * (total - progress.updates) / progress.updates if progress.updates else None
            reporter.training(TrainingProgress(progress.updates, total, done, most, progress.loss, left_s))

        ended = supervise(
            executor, jobs, store, workers=at_once, stall_s=STALL_S, on_progress=on_progress, slots=slots
        )
        demand_a_start(ended, home, store, executor, STALL_S, slots)
        return ended
    finally:
        for job in jobs:
            remove_tree(job.job_file.parent)


def _read(trials: Sequence[Prepared], place: Place) -> dict[str, float | str]:
    """Return per state the accuracy of its probe, or why there is none."""
    home, store, executor, reporter, claims = place
    first = trials[0]
    tasks: list[TaskToScore] = []
    keys: list[str] = []
    for name, data in first.data.items():
        subtrees = [each for trial in trials for each in trial.plan.subtrees if each.task == name]
        runs = [run for run in _to_read(subtrees, store, executor) if run.state_key not in keys]
        keys += [run.state_key for run in runs]
        task = TaskToScore(
            name=name, index=subtrees[0].task_index, num_classes=data.dataset.num_classes,
            train_file=data.labelled, test_file=data.test, train_digest=data.dataset.train.digest,
            test_digest=data.dataset.test.digest, runs=tuple(runs),
        )  # fmt: skip
        tasks.append(task)
    if not keys:
        return {}
    slots = slots_for(first, home, executor, claims.what, reporter.stage)
    log = home.logs / f"tuning-{first.admitted.name}-{first.spec.identity}.log"
    with slots_taken(slots, default_workers(executor), reporter.waiting) as workers:
        job = ScoringJob(
            spec=first.spec, tasks=tuple(tasks), cache=home.outcomes, workers=workers, device=first.device,
            chunk_mib=chosen_chunk_mib(), probe_only=True,
        )  # fmt: skip
        with scored(job, home, executor, log, reporter.waiting) as (result, _):
            found = [run.invalid or run.metrics[PROBE_ACCURACY] or 0.0 for run in result.runs]
    return dict(zip(keys, found, strict=True))


def _to_read(subtrees: Sequence[Subtree], store: Store, executor: Executor) -> Iterator[RunToScore]:
    for run in (run for subtree in subtrees for run in subtree.runs):
        if store.has(run.state_key, at_least=executor.isolation):
            yield RunToScore(
                schedule=run.schedule, sparsity=run.sparsity, seed=run.seed, state_key=run.state_key, num_pruned=(),
                directory=store.path(run.state_key),
            )  # fmt: skip


def _result(trial: Prepared, accuracy: Mapping[str, float | str], failures: Mapping[str, Failure]) -> Result:
    found: list[float] = []
    for run in trial.plan.runs:
        each = accuracy.get(run.state_key)
        if each is None or isinstance(each, str):
            failure = failures.get(run.state_key) or failure_of(NEVER_STARTED, None)
            return Result(0.0, each or failure.message)
        found.append(each)
    return Result(sum(found) / len(found))
