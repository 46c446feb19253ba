"""What `fmn plan` shows: the grid, what sharing saves, and what the rest costs on this machine, with its basis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmark.evaluation.check import TrialError, try_updates_of
from benchmark.evaluation.preparation import Prepared
from benchmark.evaluation.scheduling.concurrency import default_workers, trainers_at_once, trainers_per_device
from benchmark.evaluation.scheduling.cost_history import CostHistory, learn, usual_scoring_s
from benchmark.evaluation.scheduling.jobs import checkpoint_interval, missing_segments
from benchmark.executors.base import Executor, QueueExecutor
from benchmark.plan import Subtree
from benchmark.plan.capacity import emptied_in_words
from benchmark.plan.cost import UpdateCost, lockstep, makespan, shortest_makespan, starting_order
from benchmark.plan.encoder_shape import layer_sizes
from benchmark.printable import counted
from benchmark.recording.status import roughly
from benchmark.store.layout import Home
from benchmark.store.state_store import Store

_PROMISED_S = 60.0
"""Seconds below which no number is promised: what trials leave out, such as starting trainers, takes as long."""


def plan_table(prepared: Prepared, home: Home, executor: Executor) -> Group:
    """Show runs, segments, updates with and without sharing, and what is left to train."""
    plan, store = prepared.plan, Store(home.segments)
    table = Table(title=f"{prepared.admitted.name} on {prepared.spec.identity}", title_justify="left")
    for heading in ("task", "seeds", "runs", "segments", "updates, each run alone", "shared", "saved"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    lines, seeds_s, tried = [_grid(prepared)], list[float](), False
    for task in prepared.facts:
        subtrees = [subtree for subtree in plan.subtrees if subtree.task == task]
        naive = sum(subtree.total_steps * len(subtree.runs) for subtree in subtrees)
        shared = sum(segment.num_steps for subtree in subtrees for segment in subtree.segments)
        counts = (len(subtrees), sum(len(each.runs) for each in subtrees), sum(len(each.segments) for each in subtrees))
        table.add_row(task, *map(str, counts), f"{naive:,}", f"{shared:,}", f"{naive / shared:.2f}x")
        estimate = _estimate(prepared, task, subtrees, store, executor)
        lines += [*estimate.lines, *_emptied(prepared, subtrees[0])]
        seeds_s += estimate.seeds_s
        tried |= estimate.is_tried
    lines += _wall_time(prepared, home, seeds_s, executor, tried=tried)
    lines += _about_data(prepared)
    return Group(table, Text("\n".join(lines)))


def _grid(prepared: Prepared) -> str:
    spec = prepared.spec
    schedules = ", ".join(schedule.name for schedule in spec.schedules)
    sparsities = ", ".join(map(str, spec.sparsities))
    models = counted(spec.population.models, "model")
    return f"grid: dense, and {schedules} at sparsity {sparsities}; {models} per cell"


@dataclass(frozen=True)
class _Estimate:
    """What is left of one task: in words, and the seconds of every seed that has something left, where known."""

    lines: list[str]
    seeds_s: list[float]
    is_tried: bool = False


def _estimate(prepared: Prepared, task: str, subtrees: list[Subtree], store: Store, executor: Executor) -> _Estimate:
    at_least = executor.isolation
    left = [
        missing_segments(subtree, store, checkpoint_interval(subtree.total_steps), at_least) for subtree in subtrees
    ]
    left = [segments for segments in left if segments]
    steps = sum(segment.num_steps for segments in left for segment in segments)
    where = f"{task}: " if len(prepared.facts) > 1 else ""
    in_segments = counted(sum(map(len, left)), "segment")
    lines = [f"{where}left to train: {counted(steps, 'update')} in {in_segments}"]
    if task not in prepared.data:
        name = prepared.spec.tasks[subtrees[0].task_index].dataset.name
        lines.append(f"{name} is not here yet: planned with its published counts; evaluating downloads it (FMN_DATA)")
    if experience := learn(subtrees, store):
        seeds_s = [experience.cost.seconds(segments) for segments in left]
        return _Estimate([*lines, _learned(prepared, experience, sum(seeds_s), steps, executor)], seeds_s)
    if not steps:
        return _Estimate(lines, [])
    try:
        cost, basis, memory = _tried_now(prepared, task, subtrees, executor)
    except TrialError as failed:
        lines.append(f"cost: not known, the submission could not be timed ({failed}); `fmn check` says more")
        return _Estimate(lines, [])
    seeds_s = [cost.seconds(segments) for segments in left]
    lines += [f"{_duration(sum(seeds_s))} of one {_device(prepared)}, at {basis}", memory]
    return _Estimate(lines, seeds_s, is_tried=True)


def _learned(prepared: Prepared, experience: CostHistory, total_s: float, steps: int, executor: Executor) -> str:
    cost, count = experience.cost, experience.num_segments
    price = f"{cost.model_s * 1e3:.1f} ms per update"
    if cost.batch_s:
        price += f" and {cost.batch_s * 1e3:.1f} ms per batch, which models in lockstep share"
    basis = f"{price}, as measured: from {counted(count, 'finished segment')} of this submission"
    memory = f"a trainer took up to {experience.peak_memory_bytes / 2**30:.2f} GiB"
    at_once = trainers_at_once(prepared.device, prepared.update_flops, default_workers(executor), executor)
    shared_s = total_s / trainers_per_device(prepared.device, at_once, executor)
    what = f"{_duration(shared_s)} of one {_device(prepared)}, at" if steps else "its cost:"
    return f"{what} {basis}; {memory}"


def _tried_now(
    prepared: Prepared, task: str, subtrees: list[Subtree], executor: Executor
) -> tuple[UpdateCost, str, str]:
    """Make a few updates; give their cost, on what it stands, and what a trainer will take of memory."""
    budget, facts = prepared.spec.tasks[subtrees[0].task_index], prepared.facts[task]
    trial = try_updates_of(
        prepared.admitted, budget, facts, prepared.device, executor, is_compiled=subtrees[0].is_compiled
    )
    batch = budget.training.batch_size
    of = f"{trial.images} of {batch}" if trial.images < batch else f"{trial.images}"
    basis = f"{trial.seconds * 1e3:.1f} ms per update, tried just now with {of} images per update, views included"
    due = max(stretch.width for subtree in subtrees for stretch in lockstep(subtree.segments))
    predicted = trial.predicted_bytes(due, facts.num_train * math.prod(facts.image_shape)) / 2**30
    most = f"{trial.most_models} of " if trial.most_models < due else ""
    each = trial.model_bytes / 2**20
    alive = f"{most}{counted(due, 'model')} alive at once"
    memory = f"a trainer takes about {predicted:.2f} GiB: {alive}, {each:.1f} MiB each at rest"
    return UpdateCost(trial.seconds), basis, memory


def _about_data(prepared: Prepared) -> Iterator[str]:
    """Say what there is to know about the images of every task: counts, copies, and what was passed over."""
    for task, data in prepared.data.items():
        where, dataset = f"{task}: " if len(prepared.facts) > 1 else "", data.dataset
        tested = counted(len(dataset.test.labels), "test image")
        counts = f"{len(dataset.train.labels):,} training and {tested}, {counted(dataset.num_classes, 'class')}"
        yield f"{where}{counts}; {dataset.copies.in_words()}"
        yield from (f"{where}note: {note}" for note in dataset.notes)


def _emptied(prepared: Prepared, subtree: Subtree) -> list[str]:
    sizes = layer_sizes(prepared.spec.tasks[subtree.task_index].encoder, prepared.facts[subtree.task].image_shape[0])
    return emptied_in_words(((run.schedule, run.sparsity, run.events) for run in subtree.runs), sizes)


def _wall_time(
    prepared: Prepared, home: Home, seeds_s: list[float], executor: Executor, *, tried: bool
) -> list[str]:  # fmt: skip
    """Say when the last of the seeds ends, started longest first, and what scoring adds.

    Trainers that share a GPU are expected to take as long together as one after the other: it was timed with one.
    """
    if not seeds_s:
        return []
    at_once = trainers_at_once(prepared.device, prepared.update_flops, default_workers(executor), executor)
    workers = at_once // trainers_per_device(prepared.device, at_once, executor) if tried else at_once
    wall_s = makespan([seeds_s[position] for position in starting_order(seeds_s, workers)], workers)
    least_s = shortest_makespan(seeds_s, workers)
    bound = f" (no order does it in less than {roughly(least_s)})" if roughly(least_s) != roughly(wall_s) else ""
    spec = prepared.spec
    usual_s = usual_scoring_s(home.records, spec.model_dump(mode="json"), spec.identity, prepared.environment)
    scoring = "scoring comes on top" if usual_s is None else f"then scoring, which took {roughly(usual_s)} before"
    scoring += "; waiting in the queue is not counted" if isinstance(executor, QueueExecutor) else ""
    abreast = f"{counted(at_once, 'trainer')} at a time"
    about = "at most about" if workers < at_once else "about"
    trained = f"until the last of {counted(len(seeds_s), 'seed')} is trained"
    if tried and wall_s < _PROMISED_S:  # starting trainers, which is not counted, then takes most of it
        return [f"about a minute, or less, {trained}, {abreast}; {scoring}"]
    return [f"{about} {roughly(wall_s)} {trained}, {abreast}{bound}; {scoring}"]


def _device(prepared: Prepared) -> str:
    model = prepared.environment.get("device_model") or "device"
    return f"GPU ({model})" if prepared.device == "cuda" else f"core ({model})"


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600)):
        if seconds >= 2 * length:
            return f"about {seconds / length:,.1f} device {unit}"
    return f"about {seconds / 60:.1f} device minutes" if seconds >= _PROMISED_S else "less than a device minute"
