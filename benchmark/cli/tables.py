"""What a command prints at its end: the plan, the result, and failures with their reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmark.printable import on_one_line
from benchmark.recording.record import CellRecord, EvaluationRecord, RunRecord
from benchmark.scoring.metric import Estimate
from benchmark.scoring.score_math import FEWEST_MODELS

if TYPE_CHECKING:
    from benchmark.tuning.search import Told
    from benchmark.tuning.tune import Tuned

_ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}
_METRICS = (
    "knn/accuracy", "pie/excess", "label_change/churn", "class_impact/hit", "q_score_2022/mean",
    "q_score_2022/auroc", "depth/pred_mean", "geometry/rankme", "calibration/error", "corruption/mean_error",
)  # fmt: skip
"""A line each beside the accuracies: the record holds all numbers of all cells."""

_MOST_FAILURES = 8
"""Models that diverge do so at updates of their own; the record holds every message."""

_SHOWN = ("robustness/score", "robustness/dense", "robustness/retention")


def result_table(record: EvaluationRecord) -> Group:
    """Show accuracy by schedule and sparsity, the metrics of the sparsest models, and the summary."""
    table = Table(title=f"{record.submission.name} on {record.spec_identity} ({record.tier})", title_justify="left")
    sparsities = sorted({cell.sparsity for cell in record.cells if cell.sparsity > 0})
    table.add_column("accuracy at sparsity")
    for sparsity in (0.0, *sparsities):
        table.add_column("dense" if sparsity == 0 else f"{sparsity:g}", justify="right")
    dense = {cell.task: cell for cell in record.cells if cell.schedule == "dense"}
    for name, cells in _by_schedule(record.cells):
        task = cells[0].task
        cell_at = {0.0: dense.get(task)} | {cell.sparsity: cell for cell in cells}
        label = name if len(dense) == 1 else f"{task} {name}"
        table.add_row(label, *(_accuracy(cell_at.get(sparsity)) for sparsity in (0.0, *sparsities)))
    lines = [_headline(record, name) for name in _SHOWN if name in record.summary]
    if not record.is_complete:
        lines = ["no score: some runs have failed"]
    several = len({line.task for line in record.references}) > 1
    lines += [
        f"{line.name}{f' ({line.task})' if several else ''}: {_estimate(line.accuracy)} accuracy"
        for line in record.references
    ]
    finished = sum(run.status == "finished" for run in record.runs)
    cost = f"{record.cost.train_s:.0f} s of training, {record.cost.scoring_s:.0f} s of scoring"
    lines.append(f"{finished} of {len(record.runs)} runs finished; {cost}")
    return Group(table, *_metric_tables(record), Text("\n".join(lines)))


def _headline(record: EvaluationRecord, name: str) -> str:
    """Return a number of the whole submission: its mean, its interval and what that is about, and the worst seed."""
    estimate, worst = record.summary[name], (record.worst_seed or {}).get(name)
    about = ", over models and test images" if estimate.low is not None else ""
    if estimate.value is not None and estimate.low is None and len({run.seed for run in record.runs}) < FEWEST_MODELS:
        about = ", too few models for an interval"
    beside = "" if worst is None or estimate.value is None else f"; worst seed {worst:.3f}"
    return f"{name.split('/')[1]:<10} {_estimate(estimate)}{about}{beside}"


def _metric_tables(record: EvaluationRecord) -> Iterator[Table]:
    """Yield a table per task with its metrics, dense and at the largest sparsity of every schedule."""
    columns = {column.name: column for column in record.columns}
    for task in dict.fromkeys(cell.task for cell in record.cells):
        cells = [cell for cell in record.cells if cell.task == task]
        deepest = max(cell.sparsity for cell in cells)
        shown = [cell for cell in cells if cell.sparsity in (0.0, deepest)]
        several = len({cell.task for cell in record.cells}) > 1
        table = Table()
        table.add_column(f"{task}, at sparsity {deepest:g}" if several else f"at sparsity {deepest:g}")
        for cell in shown:
            table.add_column(cell.schedule, justify="right")
        for name in _METRICS:
            if name in columns and any(name in cell.metrics for cell in shown):
                column = columns[name]
                decimals = 0 if column.unit == "classes" else 3
                numbers = [_number(cell.metrics.get(name), decimals) for cell in shown]
                table.add_row(f"{column.title}{_ARROWS[column.better]}", *numbers)
        if table.row_count:
            yield table


def _by_schedule(cells: Sequence[CellRecord]) -> Iterator[tuple[str, list[CellRecord]]]:
    grouped: dict[tuple[str, str], list[CellRecord]] = {}
    for cell in cells:
        if cell.schedule != "dense":
            grouped.setdefault((cell.task, cell.schedule), []).append(cell)
    for (_, schedule), members in grouped.items():
        yield schedule, members


def _accuracy(cell: CellRecord | None) -> str:
    return _number(cell.metrics.get("linear/accuracy") if cell else None)


def _number(estimate: Estimate | None, decimals: int = 3) -> str:
    return "-" if estimate is None or estimate.value is None else f"{estimate.value:.{decimals}f}"


def _estimate(estimate: Estimate) -> str:
    if estimate.value is None:
        return "undefined"
    bounds = "" if estimate.low is None or estimate.high is None else f"  [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.3f}{bounds}"


def failure_lines(runs: Sequence[RunRecord], log_of: Callable[[RunRecord], Path | None]) -> Iterator[str]:
    """Say which runs failed and why: a line per reason and message, and where the traceback of one of them is.

    Args:
        runs: of a record.
        log_of: returns the file with what the trainer of a run printed; None if there is none.
    """
    failed: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        if run.failure is not None:
            failed.setdefault((run.failure.reason, run.failure.message), []).append(run)
    by_count = sorted(failed.items(), key=lambda item: -len(item[1]))
    for (reason, message), those in by_count[:_MOST_FAILURES]:
        yield f"{len(those)} of {len(runs)} runs failed ({reason}): {message}"
        log = log_of(those[0])
        if log is not None:
            yield f"  what its trainer printed: {log}"
    if len(by_count) > _MOST_FAILURES:
        yield f"and {len(by_count) - _MOST_FAILURES} other messages, which the record holds"


def emptied_layer_lines(runs: Sequence[RunRecord]) -> Iterator[str]:
    """Warn of layers in which pruning left no weight: what lies behind such a layer reads nothing of the image."""
    layers: dict[tuple[str, str, float], set[str]] = {}
    emptied: Counter[tuple[str, str, float]] = Counter()
    for run in runs:
        found = {layer.name for layer in run.layers if 0 < layer.num_weights == layer.num_zero}
        if found:
            cell = (run.task, run.schedule, run.sparsity)
            layers[cell] = layers.get(cell, set()) | found
            emptied[cell] += 1
    models = Counter((run.task, run.schedule, run.sparsity) for run in runs)
    for cell, names in sorted(layers.items()):
        task, schedule, sparsity = cell
        named = ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        where = f"{task}, {schedule} at sparsity {sparsity:g}"
        yield f"warning: {where}: no weight is left of {named} in {emptied[cell]} of {models[cell]} models"


def settings_table(tuned: Tuned) -> Table:
    """Show every setting of a search with its result, the best marked, in the order in which they were tried."""
    title = f"{tuned.manifest.name} on {tuned.spec.identity}: {tuned.objective}"
    table = Table(title=title, title_justify="left")
    for name in ("setting", *tuned.best.values, "accuracy"):
        table.add_column(name, justify="right")
    table.add_column("")
    for told in tuned.told:
        values = (Text(f"{value}") for value in told.values.values())
        accuracy = "-" if told.failure is not None else f"{told.result:.4f}"
        table.add_row(str(told.number + 1), *values, accuracy, Text(_note(told, tuned.best)))
    return table


def _note(told: Told, best: Told) -> str:
    if told.failure is not None:
        return on_one_line(told.failure)[:100]
    return "best" if told.number == best.number else ""
