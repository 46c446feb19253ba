"""Composing a record: what was asked, what came out, what it cost, and one reason for every run that has no score."""

from __future__ import annotations

import hashlib
import math
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import benchmark
from benchmark.datasets.dataset import Dataset
from benchmark.evaluation.scheduling.supervisor import JobResult
from benchmark.evaluation.scorer_client import Answer, chosen_chunk_mib
from benchmark.executors.base import Executor
from benchmark.executors.failure import Evidence, decide
from benchmark.plan import Run, Subtree
from benchmark.plan.state_keys import state_key
from benchmark.printable import masked
from benchmark.recording.record import (
    CellRecord,
    Cost,
    EvaluationRecord,
    Failure,
    LayerSparsity,
    ReferenceLine,
    RunRecord,
    SubmissionFacts,
)
from benchmark.scoring.scoring_job import ScoredRun
from benchmark.store.state_store import Store
from benchmark.training.training_job import SegmentReport

if TYPE_CHECKING:
    from benchmark.evaluation.evaluate import Prepared

NEVER_STARTED = Evidence(exit_code=None, start_error="its state was not trained in this evaluation")


def build_record(
    prepared: Prepared, store: Store, executor: Executor, ended: Sequence[JobResult], answer: Answer,
    scoring_s: float,
) -> EvaluationRecord:  # fmt: skip
    """Put together the record of an evaluation."""
    result = answer.result
    scored = {(run.task, run.schedule, run.sparsity, run.seed): run for run in result.runs}
    failures = _failures(ended)
    runs = [
        _run_record(run, subtree, store, scored.get((run.task, run.schedule, run.sparsity, run.seed)), failures)
        for subtree in prepared.plan.subtrees
        for run in subtree.runs
    ]
    cells = [
        CellRecord(
            task=cell.task, schedule=cell.schedule, sparsity=float(cell.sparsity), num_models=cell.num_models,
            metrics=dict(cell.metrics),
        )
        for cell in result.cells
    ]  # fmt: skip
    return EvaluationRecord(
        evaluation_key=prepared.evaluation_key,
        spec=prepared.spec.model_dump(mode="json"),
        spec_identity=prepared.spec.identity,
        tier=prepared.spec.tier,
        submission=_submission_facts(prepared),
        environment=dict(prepared.environment),
        provenance=_provenance(prepared, executor),
        isolation=executor.isolation,
        datasets={task: _dataset_facts(prepared, task) for task in prepared.data},
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        cost=_cost(prepared, store, scoring_s),
        references=tuple(
            ReferenceLine(task=line.task, name=line.name, accuracy=line.accuracy) for line in result.references
        ),
        columns=result.columns,
        runs=tuple(runs),
        cells=tuple(cells),
        summary=dict(result.summary),
        outcomes_sha256=hashlib.sha256(answer.outcomes).hexdigest(),
        maps_sha256=hashlib.sha256(answer.maps).hexdigest(),
    )


def _failures(ended: Sequence[JobResult]) -> dict[str, tuple[Evidence, str]]:
    """What is known of every segment that some job was asked for: the evidence, and the trainer's own words."""
    return {
        segment.key: (each.evidence, each.errors.get(segment.key, ""))
        for each in ended
        for segment in each.prepared.job.segments
    }


def _run_record(
    run: Run, subtree: Subtree, store: Store, scored: ScoredRun | None, failures: Mapping[str, tuple[Evidence, str]]
) -> RunRecord:
    record = RunRecord(
        task=run.task, schedule=run.schedule, sparsity=float(run.sparsity), seed=run.seed, state_key=run.state_key,
        status="failed",
    )  # fmt: skip
    if scored is None:
        evidence, log = failures.get(run.state_key, (NEVER_STARTED, ""))
        reason, message = decide(evidence)
        if log.strip() and reason == "submission":
            message = f"the submission raised: {masked(log.strip().splitlines()[-1][:300])}"
        return record.model_copy(update={"failure": Failure(reason=reason, message=message, log=log)})
    if scored.invalid is not None:
        return record.model_copy(update={"failure": Failure(reason="invalid_output", message=scored.invalid)})
    layers = tuple(LayerSparsity(name=name, num_weights=size, num_zero=zeros) for name, size, zeros in scored.layers)
    return record.model_copy(
        update={
            "status": "finished",
            "metrics": dict(scored.metrics),
            "layers": layers,
            "loss_curve": _loss_curve(_reports(run, subtree, store)),
        }
    )


def _reports(run: Run, subtree: Subtree, store: Store) -> Iterator[SegmentReport]:
    """Give the reports that cover a run, last first, each update once.

    They need not be those of the plan's segments: a segment may have been continued from a checkpoint inside it, or
    trained when another specification divided the path in other places.
    """
    key, covered_from = run.state_key, subtree.total_steps + 1
    while store.has(key) and (report := store.report(key)).start < covered_from:
        yield report
        covered_from = report.start
        if covered_from == 0:
            return
        key = state_key(subtree.root, [event for event in run.events if event.step < covered_from], covered_from)


def _loss_curve(reports: Iterable[SegmentReport]) -> tuple[tuple[int, float], ...]:
    """Mean loss per epoch over a run; epochs in which it was not finite are left out."""
    totals: dict[int, tuple[float, int]] = {}
    for report in reports:
        for epoch, total, count in report.losses:
            before, count_before = totals.get(epoch, (0.0, 0))
            totals[epoch] = (before + total, count_before + count)
    means = ((epoch, total / count) for epoch, (total, count) in sorted(totals.items()))
    return tuple((epoch, mean) for epoch, mean in means if math.isfinite(mean))


def _cost(prepared: Prepared, store: Store, scoring_s: float) -> Cost:
    subtrees = prepared.plan.subtrees
    keys = [segment.key for subtree in subtrees for segment in subtree.segments]  # also of runs that failed later
    reports = {key: store.report(key) for key in keys if store.has(key)}
    for subtree in subtrees:
        for run in subtree.runs:
            reports |= {report.key: report for report in _reports(run, subtree, store)}
    return Cost(
        train_s=sum(report.train_s / report.sharing for report in reports.values()),
        scoring_s=scoring_s,
        num_updates=prepared.plan.num_updates,
        num_updates_naive=prepared.plan.num_updates_naive,
        peak_memory_bytes=max((report.peak_memory_bytes for report in reports.values()), default=0),
    )


def _submission_facts(prepared: Prepared) -> SubmissionFacts:
    manifest = prepared.admitted.manifest
    return SubmissionFacts(
        name=manifest.name, authors=tuple(manifest.authors), description=manifest.description, paper=manifest.paper,
        supervision=manifest.supervision, hyperparameters=dict(prepared.hyperparameters(next(iter(prepared.data)))),
        digest=prepared.admitted.code_digest,
    )  # fmt: skip


def _dataset_facts(prepared: Prepared, task: str) -> dict[str, Any]:
    dataset = prepared.data[task].dataset
    return {
        "name": dataset.name,
        **_counts(dataset),
        "transfer": {each.dataset.name: _counts(each.dataset) for each in prepared.transfer},
    }


def _counts(dataset: Dataset) -> dict[str, Any]:
    return {
        "train_digest": dataset.train.digest,
        "test_digest": dataset.test.digest,
        "num_train": len(dataset.train.labels),
        "num_test": len(dataset.test.labels),
        "classes": list(dataset.class_names),
    }


def _provenance(prepared: Prepared, executor: Executor) -> dict[str, Any]:
    return {
        "forget_me_not": benchmark.__version__,
        "capturable": prepared.admitted.manifest.capturable,
        "scoring_chunk_mib": chosen_chunk_mib(),
        "executor": executor.name,
        **executor.provenance(),
        "platform": platform.platform(),
        "num_cores": os.cpu_count(),
        **_git_state(),
    }


@cache
def _git_state() -> dict[str, Any]:
    """The commit of the checkout that the package runs from, and whether it was changed; nothing outside a checkout."""
    folder = Path(benchmark.__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # installed into somebody else's checkout is not ours
        return {"git_commit": git("rev-parse", "HEAD"), "git_dirty": bool(git("status", "--porcelain", "--", "."))}
    except (OSError, subprocess.SubprocessError):
        return {}
