"""What a home has learned about time: from reports of finished segments, and from records of the same specification.

It refuses to decide anything but the order of jobs and what people are told: reports are the trainers' own words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmark.executors.base import PreparedJob
from benchmark.plan import Subtree
from benchmark.plan.cost import Course, Observed, UpdateCost, fit, lockstep, observe, starting_order
from benchmark.recording.archive import read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import record_paths
from benchmark.store.state_store import Store
from benchmark.training.training_job import SegmentReport

_MOST_RECORDS = 8
"""Latest records of a specification that are read for the time that scoring took."""


@dataclass(frozen=True)
class CostHistory:
    """What an update of a submission costs on a task.

    Attributes:
        cost: seconds.
        num_segments: finished segments that it was learned from.
        peak_memory_bytes: largest memory that any trainer reported.
    """

    cost: UpdateCost
    num_segments: int
    peak_memory_bytes: int


def learn(subtrees: Iterable[Subtree], store: Store) -> CostHistory | None:
    """Learn from the finished segments of some seeds of one task; None where nothing was trained.

    It takes the plan's number of models in lockstep for what was trained side by side. Where a plan has grown since,
    the parts of the cost are a little off, and the total is still what was measured.
    """
    observed: list[Observed] = []
    peak_memory_bytes = 0
    for subtree in subtrees:
        stretches = lockstep(subtree.segments)
        for segment in subtree.segments:
            report = _report(store, segment.key)
            if report is not None and report.start < report.step:
                observed.append(observe(stretches, report.start, report.step, report.train_s))
                peak_memory_bytes = max(peak_memory_bytes, report.peak_memory_bytes)
    cost = fit(observed)
    return cost and CostHistory(cost, len(observed), peak_memory_bytes)


def learn_by_task(subtrees: Sequence[Subtree], store: Store) -> dict[str, CostHistory]:
    """Learn for every task of a plan; tasks of which nothing is trained are left out."""
    tasks = dict.fromkeys(subtree.task for subtree in subtrees)
    learned = {task: learn([each for each in subtrees if each.task == task], store) for task in tasks}
    return {task: experience for task, experience in learned.items() if experience is not None}


def _report(store: Store, key: str) -> SegmentReport | None:
    """Read a report without verifying its state: a damaged one spoils an estimate, nothing else."""
    try:
        return store.report(key)
    except (OSError, ValidationError):
        return None


def courses_of(
    jobs: Sequence[PreparedJob], tasks: Mapping[str, str], learned: Mapping[str, CostHistory]
) -> list[Course]:
    """Predict how every job goes.

    Args:
        jobs: what is left to train.
        tasks: task by root key.
        learned: by task. One that was never trained is taken for the dearest, so that it is not started last; with
            nothing learned, an update counts as a second.
    """
    costs = {task: experience.cost for task, experience in learned.items()}
    dearest = max(costs.values(), key=lambda cost: cost.model_s + cost.batch_s, default=UpdateCost(1.0))
    return [Course(each.job.segments, costs.get(tasks[each.job.root], dearest)) for each in jobs]


def start_longest_first(
    jobs: Sequence[PreparedJob], courses: Sequence[Course], workers: int
) -> tuple[list[PreparedJob], list[Course]]:
    """Order jobs so that the one with most work left is started first."""
    order = starting_order([course.total_s for course in courses], workers)
    return [jobs[position] for position in order], [courses[position] for position in order]


def usual_scoring_s(
    records: Path, spec: Mapping[str, Any], identity: str, environment: Mapping[str, Any]
) -> float | None:
    """Tell how long scoring took in records of the very same specification, made in the same environment.

    The upper median: scoring again after a small change reads most of its numbers from the cache, and would promise
    too much. Nothing but an estimate depends on it, so that no signature is asked for.
    """
    paths = sorted(record_paths(records / identity, ""), key=_modified, reverse=True)[:_MOST_RECORDS]
    took = sorted(
        record.cost.scoring_s
        for path in paths
        if (record := _record(path)) and record.spec == spec and record.environment == environment
        and 0 <= record.cost.scoring_s < math.inf
    )  # fmt: skip
    return took[len(took) // 2] if took else None


def _record(path: Path) -> EvaluationRecord | None:
    try:
        return read_record(path)
    except (OSError, ValueError, RecursionError):
        return None


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0
