"""What `fmn plan` shows: the grid, what sharing saves, and what the rest costs on this machine, with its basis."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmark.execution.check import TrialFailed, time_submission
from benchmark.execution.evaluate import Prepared
from benchmark.execution.executor import Executor
from benchmark.execution.home import Home
from benchmark.execution.prepare import checkpoint_interval, missing_segments
from benchmark.execution.store import Store
from benchmark.plan import Subtree


def plan_table(prepared: Prepared, home: Home, executor: Executor) -> Group:
    """Show runs, segments, updates with and without sharing, and what is left to train."""
    plan, store = prepared.plan, Store(home.segments)
    table = Table(title=f"{prepared.admitted.name} on {prepared.spec.identity}", title_justify="left")
    for heading in ("task", "seeds", "runs", "segments", "updates, each run alone", "shared", "saved"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    lines = [_grid(prepared)]
    for task in prepared.facts:
        subtrees = [subtree for subtree in plan.subtrees if subtree.task == task]
        naive = sum(subtree.total_steps * len(subtree.runs) for subtree in subtrees)
        shared = sum(segment.num_steps for subtree in subtrees for segment in subtree.segments)
        counts = (len(subtrees), sum(len(each.runs) for each in subtrees), sum(len(each.segments) for each in subtrees))
        table.add_row(task, *map(str, counts), f"{naive:,}", f"{shared:,}", f"{naive / shared:.2f}x")
        lines += _cost(prepared, task, subtrees, store, executor)
    return Group(table, Text("\n".join(lines)))


def _grid(prepared: Prepared) -> str:
    spec = prepared.spec
    schedules = ", ".join(schedule.name for schedule in spec.schedules)
    sparsities = ", ".join(map(str, spec.sparsities))
    return f"grid: dense, and {schedules} at sparsity {sparsities}; {spec.population.models} models per cell"


def _cost(
    prepared: Prepared, task: str, subtrees: list[Subtree], store: Store, executor: Executor
) -> list[str]:
    left = [
        segment
        for subtree in subtrees
        for segment in missing_segments(subtree, store, checkpoint_interval(subtree.total_steps))
    ]
    steps = sum(segment.num_steps for segment in left)
    where = f"{task}: " if len(prepared.facts) > 1 else ""
    lines = [f"{where}left to train: {steps:,} updates in {len(left)} segments"]
    if task not in prepared.data:
        name = prepared.spec.tasks[subtrees[0].task_index].dataset.name
        lines.append(f"{name} is not here yet: planned with its published counts; evaluating downloads it (FMN_DATA)")
    if cost := _as_measured(subtrees, store):
        lines.append(f"about {_duration(cost * steps)}, at {cost * 1e3:.1f} ms per update as measured")
    elif steps:
        lines.append(_timed_now(prepared, task, subtrees[0].task_index, steps, executor))
    return lines


def _as_measured(subtrees: list[Subtree], store: Store) -> float | None:
    """Seconds per update of everything of this plan that is trained already."""
    keys = [segment.key for subtree in subtrees for segment in subtree.segments]
    reports = [store.report(key) for key in keys if store.has(key)]
    updates = sum(report.step - report.start for report in reports)
    return sum(report.train_s for report in reports) / updates if updates else None


def _timed_now(prepared: Prepared, task: str, index: int, steps: int, executor: Executor) -> str:
    budget = prepared.spec.tasks[index]
    try:
        cost, images = time_submission(prepared.admitted, budget, prepared.facts[task], prepared.device, executor)
    except TrialFailed as failed:
        return f"cost: not known, the submission could not be timed ({failed}); `fmn check` says more"
    of = f"{images} of {budget.training.batch_size}" if images < budget.training.batch_size else f"{images}"
    basis = f"{cost * 1e3:.1f} ms per update, timed just now with {of} images per update, views included"
    return f"about {_duration(cost * steps)} of one {_device(prepared)}, at {basis}; scoring comes on top"


def _device(prepared: Prepared) -> str:
    model = prepared.environment.get("device_model") or "device"
    return f"GPU ({model})" if prepared.device == "cuda" else f"core ({model})"


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} device {unit}"
    return f"{seconds / 60:.1f} device minutes"
