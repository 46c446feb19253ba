"""The training step: one job per seed that has something left, the longest first, as many at once as fit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from benchmark.evaluation.preparation import Prepared
from benchmark.evaluation.scheduling.concurrency import places, trainers_at_once, trainers_per_device
from benchmark.evaluation.scheduling.cost_history import courses_of, learn_by_task, start_longest_first
from benchmark.evaluation.scheduling.eta import Forecast, JobsProgress
from benchmark.evaluation.scheduling.jobs import is_anything_missing, prepare_jobs, updates_missing
from benchmark.evaluation.scheduling.progress import ProgressFeed
from benchmark.evaluation.scheduling.supervisor import JobResult, supervise
from benchmark.evaluation.trainer_start import demand_a_start
from benchmark.executors.base import Executor, PreparedJob
from benchmark.plan import Plan
from benchmark.printable import counted
from benchmark.recording.isolation import ISOLATION_LEVELS, Isolation, is_at_least
from benchmark.store.claims import Claims, tree_claim
from benchmark.store.collector import adopt_leftovers
from benchmark.store.layout import Home
from benchmark.store.origin import JobOrigin
from benchmark.store.outbox import remove_tree
from benchmark.store.slots import Slots
from benchmark.store.state_store import Store

STALL_S = 900.0
"""Seconds without a single update after which a trainer is ended."""


def train_what_is_missing(
    prepared: Prepared, home: Home, store: Store, executor: Executor, feed: ProgressFeed, workers: int, claims: Claims
) -> Sequence[JobResult]:
    """Train every state of the plan that is not stored.

    Trees of seeds that another dispatcher trains, for an evaluation that shares them, are waited for, last of all.

    Args:
        prepared: what is evaluated.
        home: where jobs and logs are kept.
        store: where states are, and go.
        executor: where jobs run.
        feed: shows how far training is.
        workers: processes that may work at the same time.
        claims: of this dispatcher.

    Returns:
        How each job ended; empty where everything is trained already.

    Raises:
        ExecutorError: no trainer could start at all; says why.
        ClaimLostError: another dispatcher has taken over.
    """
    missing = [each for each in prepared.plan.subtrees if is_anything_missing(each, store, executor.isolation)]
    if not missing:
        feed.stage("everything is trained already")
    results: list[JobResult] = []
    later = missing
    for mine in claims.in_turns([tree_claim(each.root) for each in missing], feed.stage):
        store.forget_isolation()
        take_over(home, store, executor, claims)
        plan = Plan(tuple(each for each in missing if tree_claim(each.root) in mine))
        later = [each for each in later if tree_claim(each.root) not in mine]
        feed.comes_later(sum(updates_missing(each, store, executor.isolation) for each in later))
        results += _train(replace(prepared, plan=plan), home, store, executor, feed, workers, claims.what)
    return results


def take_over(home: Home, store: Store, executor: Executor, claims: Claims | None = None) -> None:
    """Take what killed dispatchers have left: with claims, of trees alone that no other dispatcher holds."""
    executor.recover(claims)  # first of all: what still runs would go on writing into what is adopted next
    adopt_leftovers(home, store, claims)


def _train(
    prepared: Prepared, home: Home, store: Store, executor: Executor, feed: ProgressFeed, workers: int, what: str
) -> Sequence[JobResult]:
    """Train what is missing of a plan whose trees this dispatcher has claimed."""
    plan = prepared.plan
    at_once = trainers_at_once(prepared.device, prepared.update_flops, workers, executor)
    slots = slots_for(prepared, home, executor, what, feed.stage)
    jobs = prepare_jobs(
        home, store, plan, prepared.spec.tasks, prepared.data, prepared.admitted, prepared.device,
        sharing=trainers_per_device(prepared.device, at_once, executor),
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
        results = supervise(
            executor, jobs, store, workers=at_once, stall_s=STALL_S, on_progress=on_progress, slots=slots
        )
        demand_a_start(results, home, store, executor, STALL_S, slots)
        return results
    finally:
        for job in jobs:
            remove_tree(job.job_file.parent)


def slots_for(
    prepared: Prepared, home: Home, executor: Executor, what: str, on_wait: Callable[[str], None]
) -> Slots | None:
    """Return the slots that trainers and scorers of an evaluation take on this machine; None where a queue decides."""
    there = places(prepared.device, prepared.update_flops, executor)
    return Slots(home, there, what, on_wait) if there else None


def slots_taken(slots: Slots | None, workers: int, on_wait: Callable[[], None]) -> AbstractContextManager[int]:
    """Hold slots for the scorer's processes, at least one; gives how many processes it may have.

    Args:
        slots: of this machine; None where a queue decides.
        workers: how many processes are of use.
        on_wait: called several times per second while no slot is free.
    """
    return nullcontext(workers) if slots is None else slots.several(workers, on_wait)


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
