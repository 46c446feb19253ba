"""Builds the record of an evaluation: what was asked, the numbers, the cost, and one reason for every failed run."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmark.datasets.dataset import Dataset
from benchmark.evaluation.failures import NEVER_STARTED, failure_of, reported_failures
from benchmark.evaluation.images_per_update import images_per_update
from benchmark.evaluation.preparation import Prepared
from benchmark.evaluation.provenance import provenance_of
from benchmark.evaluation.scheduling.supervisor import JobResult
from benchmark.evaluation.scorer_client import ScorerAnswer
from benchmark.executors.base import Executor
from benchmark.executors.failure import Evidence
from benchmark.plan import Run, Subtree
from benchmark.plan.encoder_shape import flops_per_view
from benchmark.plan.state_keys import KEY_VERSION, state_key
from benchmark.recording.isolation import ISOLATION_LEVELS, Isolation, weakest
from benchmark.recording.record import (
    CellRecord,
    Cost,
    EvaluationRecord,
    Failure,
    ImagesPerUpdate,
    LayerSparsity,
    ReferenceLine,
    RunRecord,
    SubmissionFacts,
)
from benchmark.scoring.metric import Estimate
from benchmark.scoring.metric_names import PENALTY_SCORE, PROBE_ACCURACY, ROBUSTNESS_SCORE
from benchmark.scoring.scoring_job import ScoredReference, ScoredRun
from benchmark.scoring.statistics.seeds import worst_seed
from benchmark.store.state_store import Store
from benchmark.training.training_job import SegmentFailure, SegmentReport


def build_record(
    prepared: Prepared, store: Store, executor: Executor, results: Sequence[JobResult], answer: ScorerAnswer,
    scoring_s: float,
) -> EvaluationRecord:  # fmt: skip
    """Build the record of an evaluation.

    Args:
        prepared: what was evaluated.
        store: where the trained states and their reports are.
        executor: where jobs ran.
        results: how the training jobs of this call ended.
        answer: what the scorer answered.
        scoring_s: seconds that scoring took.
    """
    result = answer.result
    levels: list[Isolation] = [store.isolation(key) for key in answer.states]
    reports = _all_reports(prepared, store)
    scored = {(run.task, run.schedule, run.sparsity, run.seed): run for run in result.runs}
    failures = reported_failures(results)
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
        provenance={**provenance_of(prepared, executor), **_arithmetic(prepared, reports)},
        isolation=weakest(levels) if levels else executor.isolation,
        datasets={task: _dataset_facts(prepared, task) for task in prepared.data},
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        cost=_cost(prepared, reports, scoring_s),
        references=tuple(_reference_line(line) for line in result.references),
        columns=result.columns,
        runs=tuple(runs),
        cells=tuple(cells),
        summary=dict(result.summary),
        outcomes_sha256=hashlib.sha256(answer.outcomes).hexdigest(),
        maps_sha256=hashlib.sha256(answer.maps).hexdigest(),
        areas_sha256=hashlib.sha256(answer.areas).hexdigest(),
        states_isolation={level: levels.count(level) for level in ISOLATION_LEVELS if level in levels},
        definitions=_definitions(prepared, result.versions),
        floor=dict(result.floor),
        images_per_update=_images_per_update(reports),
        penalties=_penalties(result.summary),
        worst_seed=_worst_seed(prepared, result.runs),
        tuning=_tuning(prepared),
    )


def _reference_line(line: ScoredReference) -> ReferenceLine:
    return ReferenceLine(task=line.task, name=line.name, accuracy=line.accuracy)


def _penalties(summary: Mapping[str, Estimate]) -> dict[str, dict[str, float | None]] | None:
    """Return the robustness score at every other penalty that was measured; None where none was."""
    begin = f"{PENALTY_SCORE}:"
    found = {name.removeprefix(begin): each.value for name, each in summary.items() if name.startswith(begin)}
    return {penalty: {ROBUSTNESS_SCORE: value} for penalty, value in found.items()} or None


def _tuning(prepared: Prepared) -> dict[str, Any] | None:
    """Return how the submission says that its hyperparameters were chosen; None where it does not."""
    stated = prepared.admitted.manifest.tuning
    return None if stated is None else stated.model_dump(mode="json", exclude_defaults=True)


def _worst_seed(prepared: Prepared, runs: Iterable[ScoredRun]) -> dict[str, float | None] | None:
    """Return the score of the worst seed, as a board computes it from the runs; None where a run is missing."""
    found = {(run.task, run.schedule, float(run.sparsity), run.seed): run.metrics.get(PROBE_ACCURACY) for run in runs}
    accuracy = {key: value for key, value in found.items() if value is not None}
    chance = {task: 1 / data.dataset.num_classes for task, data in prepared.data.items()}
    ranked = [schedule.name for schedule in prepared.spec.schedules if not schedule.is_control]
    sparsities = [float(sparsity) for sparsity in prepared.spec.sparsities]
    worst = worst_seed(accuracy, chance, ranked, sparsities, prepared.spec.population.models)
    return None if worst is None else dict(worst)


def _definitions(prepared: Prepared, metric_versions: Mapping[str, str]) -> dict[str, str]:
    """Return the versions under which the numbers were made: of keys, specification and metrics."""
    return {"keys": str(KEY_VERSION), "spec": prepared.spec.version, **metric_versions}


def _run_record(
    run: Run, subtree: Subtree, store: Store, scored: ScoredRun | None,
    failures: Mapping[str, tuple[Evidence, SegmentFailure | None]],
) -> RunRecord:  # fmt: skip
    record = RunRecord(
        task=run.task, schedule=run.schedule, sparsity=float(run.sparsity), seed=run.seed, state_key=run.state_key,
        status="failed",
    )  # fmt: skip
    if scored is None:
        return record.model_copy(update={"failure": failure_of(*failures.get(run.state_key, (NEVER_STARTED, None)))})
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
    """Yield the reports that cover a run, last first, each update once.

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
    """Mean loss per epoch over a run, with six significant digits; epochs in which it was not finite are left out."""
    totals: dict[int, tuple[float, int]] = {}
    for report in reports:
        for epoch, total, count in report.losses:
            before, count_before = totals.get(epoch, (0.0, 0))
            totals[epoch] = (before + total, count_before + count)
    means = ((epoch, total / count) for epoch, (total, count) in sorted(totals.items()))
    return tuple((epoch, float(f"{mean:.6g}")) for epoch, mean in means if math.isfinite(mean))


def _all_reports(prepared: Prepared, store: Store) -> list[SegmentReport]:
    """Return what trainers reported of every stored state, also of runs that failed later; each state once."""
    subtrees = prepared.plan.subtrees
    keys = [segment.key for subtree in subtrees for segment in subtree.segments]
    reports = {key: store.report(key) for key in keys if store.has(key)}
    for subtree in subtrees:
        for run in subtree.runs:
            reports |= {report.key: report for report in _reports(run, subtree, store)}
    return list(reports.values())


def _images_per_update(reports: Sequence[SegmentReport]) -> ImagesPerUpdate | None:
    counted = images_per_update(reports)
    return None if counted is None else ImagesPerUpdate(**counted)


def _arithmetic(prepared: Prepared, reports: Sequence[SegmentReport]) -> dict[str, float]:
    """Return the floating-point operations of one run, averaged over tasks; nothing where images were not counted.

    Of the convolutions of the dense encoder. A copy of the encoder only looks at its images, a third of the work.
    """
    counted = images_per_update(reports)
    if counted is None:
        return {}
    subtrees = {subtree.task: subtree for subtree in prepared.plan.subtrees}
    per_run: list[float] = []
    for task, subtree in subtrees.items():
        shape, encoder = prepared.facts[task].image_shape, prepared.spec.tasks[subtree.task_index].encoder
        images = counted["encoder"] + counted["copies"] / 3
        per_run.append(subtree.total_steps * images * flops_per_view(encoder, shape))
    return {"training_flops_per_run": sum(per_run) / len(per_run)}


def _cost(prepared: Prepared, reports: Sequence[SegmentReport], scoring_s: float) -> Cost:
    return Cost(
        train_s=sum(report.train_s / report.sharing for report in reports),
        scoring_s=scoring_s,
        num_updates=prepared.plan.num_updates,
        num_updates_naive=prepared.plan.num_updates_naive,
        peak_memory_bytes=max((report.peak_memory_bytes for report in reports), default=0),
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
        "copies": {
            "test_in_training": dataset.copies.test_in_training,
            "several_labels": dataset.copies.several_labels,
        },
    }
