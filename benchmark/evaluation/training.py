"""The training step: one job per seed that has something left, the longest first, as many at once as fit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from benchmark.evaluation.preparation import Prepared
from benchmark.evaluation.scheduling.concurrency import trainers_at_once, trainers_per_device
from benchmark.evaluation.scheduling.cost_history import courses_of, learn_by_task, start_longest_first
from benchmark.evaluation.scheduling.eta import Forecast, JobsProgress
from benchmark.evaluation.scheduling.jobs import prepare_jobs
from benchmark.evaluation.scheduling.progress import ProgressFeed
from benchmark.evaluation.scheduling.supervisor import JobResult, supervise
from benchmark.evaluation.trainer_start import demand_a_start
from benchmark.executors.base import Executor, PreparedJob
from benchmark.printable import counted
from benchmark.recording.isolation import ISOLATION_LEVELS, Isolation, is_at_least
from benchmark.store.layout import Home
from benchmark.store.origin import JobOrigin
from benchmark.store.outbox import remove_tree
from benchmark.store.state_store import Store

STALL_S = 900.0
"""Seconds without a single update after which a trainer is ended."""


def train_what_is_missing(
    prepared: Prepared, home: Home, store: Store, executor: Executor, feed: ProgressFeed, workers: int
) -> Sequence[JobResult]:
    """Train every state of the plan that is not stored.

    Args:
        prepared: what is evaluated.
        home: where jobs and logs are kept.
        store: where states are, and go.
        executor: where jobs run.
        feed: shows how far training is.
        workers: processes that may work at the same time.

    Returns:
        How each job ended; empty where everything is trained already.

    Raises:
        ExecutorError: no trainer could start at all; says why.
    """
    plan = prepared.plan
    at_once = trainers_at_once(prepared.device, prepared.update_flops, workers, executor)
    jobs = prepare_jobs(
        home, store, plan, prepared.spec.tasks, prepared.data, prepared.admitted, prepared.device,
        sharing=trainers_per_device(prepared.device, min(at_once, len(plan.subtrees)), executor),
        made_by=JobOrigin(isolation=executor.isolation, executor=executor.name),
    )  # fmt: skip
    for sentence in _trained_again(jobs, store, executor):
        feed.warn(sentence)
    total = sum(segment.num_steps for job in jobs for segment in job.job.segments)
    what = f"training {counted(len(jobs), 'seed')}, {counted(total, 'update')}"
    feed.stage(what if jobs else "everything is trained already")
    learned = learn_by_task(plan.subtrees, store) if jobs else {}
    tasks = {subtree.root: subtree.task for subtree in plan.subtrees}
    jobs, courses = start_longest_first(jobs, courses_of(jobs, tasks, learned), at_once)
    forecast = Forecast(courses, at_once, in_seconds=bool(learned))

    def on_progress(progress: JobsProgress) -> None:
        feed.training(progress.updates, total, progress.loss, forecast.left_s(progress, time.monotonic()))

    try:
        if jobs:
            feed.training(0, total, None, None)
        results = supervise(executor, jobs, store, workers=at_once, stall_s=STALL_S, on_progress=on_progress)
        demand_a_start(results, home, store, executor, STALL_S)
        return results
    finally:
        for job in jobs:
            remove_tree(job.job_file.parent)


def _trained_again(jobs: Sequence[PreparedJob], store: Store, executor: Executor) -> Iterator[str]:
    """Say which states are there, but were made with less isolation than this executor has."""
    keys = [segment.key for job in jobs for segment in job.job.segments]
    levels: list[Isolation] = [store.isolation(key) for key in keys if store.has(key)]
    for level in ISOLATION_LEVELS:
        count = levels.count(level)
        if count and not is_at_least(level, executor.isolation):
            how = "without isolation (none)" if level == "none" else f"under {level}"
            what = f"{count} state was made {how} and is" if count == 1 else f"{count} states were made {how} and are"
            yield f"{what} trained again under {executor.isolation}"
