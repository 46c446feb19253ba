"""From a request to a record: the whole road on one screen. Each step is a module of its own.

prepare (admit, load data, plan) -> train what is missing -> score -> build the record -> write it, signed
"""

from __future__ import annotations

import time
from pathlib import Path

from benchmark.evaluation.preparation import Prepared
from benchmark.evaluation.record_builder import build_record
from benchmark.evaluation.scheduling.concurrency import default_workers
from benchmark.evaluation.scheduling.cost_history import usual_scoring_s
from benchmark.evaluation.scheduling.progress import ProgressFeed, Reporter, StatusFile
from benchmark.evaluation.scorer_client import chosen_chunk_mib, run_scorer
from benchmark.evaluation.stored_answer import AnswerKeeper
from benchmark.evaluation.training import slots_for, slots_taken, take_over, train_what_is_missing
from benchmark.executors.base import Executor
from benchmark.recording.archive import read_record, write_record
from benchmark.recording.isolation import role_of
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.signing_keys import ROLES, signing_key
from benchmark.recording.status import status_name
from benchmark.spec import Problem, UserError
from benchmark.store.claims import Claims, evaluation_claim, tree_claim
from benchmark.store.layout import Home, remove_unfinished
from benchmark.store.lock import at_work
from benchmark.store.state_store import Store


def evaluate(
    prepared: Prepared, home: Home, executor: Executor, reporter: Reporter, *, train: bool = True,
    workers: int | None = None,
) -> tuple[EvaluationRecord, Path]:
    """Train what is missing, score everything, write the record.

    Args:
        prepared: what to evaluate.
        home: where states and records are kept.
        executor: where jobs run.
        reporter: shows how it goes.
        train: whether missing states are trained. Without it (rescoring) they count as failed.
        workers: trainers and scorer processes at the same time, by default one per core.

    Returns:
        The record and where it is. Failed runs are in it with their reasons.

    Raises:
        UserError: rescoring was asked for and no state is stored; or there is no key to sign with, or
            FMN_SCORING_CHUNK_MIB is no size; or another dispatcher has taken over what this one had claimed.
    """
    # Everything that can be refused is refused before hours are spent.
    keys = {role: signing_key(role, away_from=home.root) for role in ROLES}
    chosen_chunk_mib()
    workers = workers or default_workers(executor)
    name, what = status_name(prepared.admitted.name, prepared.spec.identity), _what(prepared)

    def when_alone() -> None:
        take_over(home, Store(home.segments), executor)
        remove_unfinished(home)

    with at_work(home, what, reporter.stage, when_alone) as claims:
        claims.wait_for(evaluation_claim(name), reporter.stage)
        store = Store(home.segments, claims.demand)
        take_over(home, store, executor, claims)
        if not train:
            _demand_something_trained(prepared, store)
        status = StatusFile(home.root, prepared.admitted.name, prepared.spec.identity, prepared.plan.num_updates)
        feed = ProgressFeed(reporter, status, _leaf_folders(prepared, store), _usual_scoring_s(prepared, home))
        results = train_what_is_missing(prepared, home, store, executor, feed, workers, claims) if train else []
        started, at_least = time.monotonic(), executor.isolation if train else "none"
        keeper = AnswerKeeper(prepared, home, store, executor, at_least)
        answer = keeper.find() if train else None
        if answer is None:
            slots = slots_for(prepared, home, executor, what, reporter.stage)
            with slots_taken(slots, workers, reporter.waiting) as workers:
                started = time.monotonic()
                answer = run_scorer(prepared, home, store, executor, workers, feed.scoring(), at_least)
        else:
            feed.stage("everything is scored already")
        record = build_record(prepared, store, executor, results, answer, scoring_s=time.monotonic() - started)
        claims.demand()
        path = write_record(
            home.records, record, answer.outcomes, answer.maps, answer.areas, key=keys[role_of(record.isolation)]
        )
        keeper.keep(answer)
        status.remove()
        _drop_spent_states(prepared, store, claims)
    return read_record(path), path


def _what(prepared: Prepared) -> str:
    return f"{prepared.admitted.name} on {prepared.spec.identity}"


def _leaf_folders(prepared: Prepared, store: Store) -> list[Path]:
    return [store.path(run.state_key) for run in prepared.plan.runs]


def _usual_scoring_s(prepared: Prepared, home: Home) -> float | None:
    spec = prepared.spec
    return usual_scoring_s(home.records, spec.model_dump(mode="json"), spec.identity, prepared.environment)


def _demand_something_trained(prepared: Prepared, store: Store) -> None:
    """Refuse to write a record in which every run failed only because nobody has evaluated this yet."""
    if not any(store.has(run.state_key) for run in prepared.plan.runs):
        expected = "an evaluation that was made before, with the same code, hyperparameters and machine"
        got = f"no trained state of {prepared.admitted.name} on {prepared.spec.identity} in {store.folder.parent}"
        raise UserError([Problem("rescore", expected, f"{got}; use evaluate")])


def _drop_spent_states(prepared: Prepared, store: Store, claims: Claims) -> None:
    """Forget method states below which everything is trained; dense trunks keep theirs, for schedules yet to come.

    Those of trees that another dispatcher trains stay: it may go on from them.
    """
    for subtree in prepared.plan.subtrees:
        with claims.borrowed(tree_claim(subtree.root)) as is_mine:
            if is_mine and all(store.has(run.state_key) for run in subtree.runs):
                for segment in subtree.segments:
                    if (segment.applied or segment.events) and store.has(segment.key):
                        store.drop_method_state(segment.key)
