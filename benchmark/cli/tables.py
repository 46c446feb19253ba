"""What a command prints at its end: the plan, the result, and failures with their reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmark.execution.evaluate import Prepared
from benchmark.execution.home import Home
from benchmark.execution.prepare import checkpoint_interval, missing_segments
from benchmark.execution.store import Store
from benchmark.recording.record import CellRecord, EvaluationRecord, RunRecord
from benchmark.scoring.instrument import Estimate

_SHOWN = ("robustness/score", "robustness/dense", "robustness/retention")


def plan_table(prepared: Prepared, home: Home) -> Group:
    """Show runs, segments, updates with and without sharing, and what is left to train."""
    plan, store = prepared.plan, Store(home.segments)
    left = [
        segment
        for subtree in plan.subtrees
        for segment in missing_segments(subtree, store, checkpoint_interval(subtree.total_steps))
    ]
    table = Table(title=f"{prepared.admitted.name} on {prepared.spec.identity}", title_justify="left")
    for heading in ("task", "seeds", "runs", "segments", "updates, each run alone", "shared", "saved"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    for task in prepared.data:
        subtrees = [subtree for subtree in plan.subtrees if subtree.task == task]
        naive = sum(subtree.total_steps * len(subtree.runs) for subtree in subtrees)
        shared = sum(segment.num_steps for subtree in subtrees for segment in subtree.segments)
        counts = (len(subtrees), sum(len(each.runs) for each in subtrees), sum(len(each.segments) for each in subtrees))
        table.add_row(task, *map(str, counts), f"{naive:,}", f"{shared:,}", f"{naive / shared:.2f}x")
    steps_left = sum(segment.num_steps for segment in left)
    lines = [f"left to train: {steps_left:,} updates in {len(left)} segments"]
    if cost := _seconds_per_update(prepared, store):
        minutes = cost * steps_left / 60
        lines.append(f"about {minutes:.1f} device minutes, at {cost * 1e3:.1f} ms per update as measured")
    elif steps_left:
        lines.append("cost: not known yet; it is measured by the first segments that are trained here")
    return Group(table, Text("\n".join(lines)))


def _seconds_per_update(prepared: Prepared, store: Store) -> float | None:
    keys = [segment.key for subtree in prepared.plan.subtrees for segment in subtree.segments]
    reports = [store.report(key) for key in keys if store.has(key)]
    updates = sum(report.step - report.start for report in reports)
    return sum(report.train_s for report in reports) / updates if updates else None


def result_table(record: EvaluationRecord) -> Group:
    """Show accuracy and excess PIE by schedule and sparsity, and the summary."""
    table = Table(title=f"{record.submission.name} on {record.spec_identity} ({record.tier})", title_justify="left")
    sparsities = sorted({cell.sparsity for cell in record.cells if cell.sparsity > 0})
    table.add_column("linear-probe accuracy at sparsity")
    for sparsity in (0.0, *sparsities):
        table.add_column("dense" if sparsity == 0 else f"{sparsity:g}", justify="right")
    dense = {cell.task: cell for cell in record.cells if cell.schedule == "dense"}
    for name, cells in _by_schedule(record.cells):
        task = cells[0].task
        cell_at = {0.0: dense.get(task)} | {cell.sparsity: cell for cell in cells}
        label = name if len(dense) == 1 else f"{task} {name}"
        table.add_row(label, *(_accuracy(cell_at.get(sparsity)) for sparsity in (0.0, *sparsities)))
    lines = [f"{name.split('/')[1]:<10} {_estimate(record.summary[name])}" for name in _SHOWN if name in record.summary]
    if not record.is_complete:
        lines = ["no score: some runs have failed"]
    lines += [f"{line.name}: {_estimate(line.accuracy)} accuracy" for line in record.references]
    finished = sum(run.status == "finished" for run in record.runs)
    cost = f"{record.cost.train_s:.0f} s of training, {record.cost.scoring_s:.0f} s of scoring"
    lines.append(f"{finished} of {len(record.runs)} runs finished; {cost}")
    return Group(table, Text("\n".join(lines)))


def _by_schedule(cells: Sequence[CellRecord]) -> Iterator[tuple[str, list[CellRecord]]]:
    grouped: dict[tuple[str, str], list[CellRecord]] = {}
    for cell in cells:
        if cell.schedule != "dense":
            grouped.setdefault((cell.task, cell.schedule), []).append(cell)
    for (_, schedule), members in grouped.items():
        yield schedule, members


def _accuracy(cell: CellRecord | None) -> str:
    estimate = cell.metrics.get("linear/accuracy") if cell else None
    return "-" if estimate is None or estimate.value is None else f"{estimate.value:.3f}"


def _estimate(estimate: Estimate) -> str:
    if estimate.value is None:
        return "undefined"
    bounds = "" if estimate.low is None or estimate.high is None else f"  [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.3f}{bounds}"


def failure_lines(runs: Sequence[RunRecord]) -> Iterator[str]:
    """Say which runs failed and why: a line per reason and message, with an example."""
    failed = [run for run in runs if run.failure is not None]
    messages = Counter((run.failure.reason, run.failure.message) for run in failed if run.failure)
    for (reason, message), count in messages.most_common():
        yield f"{count} of {len(runs)} runs failed ({reason}): {message}"
