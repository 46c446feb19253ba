"""The plan of an evaluation: every run of the grid, and one tree of shared segments per task and seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from benchmark.plan.capacity import nothing_left
from benchmark.plan.compilation import is_worth_compiling
from benchmark.plan.events import PruneEvent, compile_events
from benchmark.plan.state_keys import root_key, state_key
from benchmark.plan.tree import Segment, build_tree, for_another_seed
from benchmark.spec import BenchmarkSpec, Problem, Task, UserError

DENSE = "dense"
"""Schedule name of the unpruned runs."""


@dataclass(frozen=True)
class TaskFacts:
    """What the plan needs to know of a task beyond its specification.

    Attributes:
        train_digest: sha256 of the training tensors.
        num_train: number of training images.
        layer_sizes: number of weights of every prunable layer of the encoder.
        view_flops: floating-point operations of the encoder for one view, forward and backward.
    """

    train_digest: str
    num_train: int
    layer_sizes: tuple[int, ...]
    view_flops: int


@dataclass(frozen=True)
class Run:
    """One cell of the grid for one seed.

    Attributes:
        task: name of the task.
        schedule: name of the schedule, `DENSE` without pruning.
        sparsity: target fraction of prunable weights that are zero, in [0, 1).
        seed: the model's seed.
        events: what is pruned, and when.
        state_key: key of the state in which it ends.
    """

    task: str
    schedule: str
    sparsity: Decimal
    seed: int
    events: tuple[PruneEvent, ...]
    state_key: str


@dataclass(frozen=True)
class Subtree:
    """Everything that one seed of one task has to train: the unit of a trainer's job.

    Attributes:
        task: name of the task.
        task_index: position of the task in the specification.
        seed: the model's seed.
        root: root key of the seed.
        budget_steps: updates of the training budget, in which all pruning happens.
        total_steps: updates of every run, fine-tuning after the budget included.
        segments: what to train, parents before children.
        runs: the runs that end in leaves of these segments.
        is_compiled: whether encoders are compiled, which changes bits.
    """

    task: str
    task_index: int
    seed: int
    root: str
    budget_steps: int
    total_steps: int
    segments: tuple[Segment, ...]
    runs: tuple[Run, ...]
    is_compiled: bool


@dataclass(frozen=True)
class Plan:
    """All subtrees of an evaluation, and what sharing saves."""

    subtrees: tuple[Subtree, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run, by task, seed, schedule, sparsity."""
        return tuple(run for subtree in self.subtrees for run in subtree.runs)

    @property
    def num_updates(self) -> int:
        """Number of optimizer updates when every shared segment is trained once."""
        return sum(segment.num_steps for subtree in self.subtrees for segment in subtree.segments)

    @property
    def num_updates_naive(self) -> int:
        """Number of optimizer updates if every run were trained alone."""
        return sum(subtree.total_steps * len(subtree.runs) for subtree in self.subtrees)


def task_name(spec: BenchmarkSpec, index: int) -> str:
    """Return the name of a task in records: `dataset/encoder`, and what differs where several tasks share both.

    What differs is as few settings as tell them apart, in their order in the document: `digits/resnet8 (width 2)`;
    tasks that are equal in everything have their position.
    """
    names = [f"{task.dataset.name}/{task.encoder.name}" for task in spec.tasks]
    alike = [task for task, name in zip(spec.tasks, names, strict=True) if name == names[index]]
    if len(alike) == 1:
        return names[index]
    settings = [dict(_settings(task.model_dump(mode="json"))) for task in alike]
    mine = dict(_settings(spec.tasks[index].model_dump(mode="json")))
    told_apart_by: list[str] = []
    for name in mine:
        if len({str(each.get(name)) for each in settings}) > 1:
            told_apart_by.append(name)
        if len({tuple(str(each.get(known)) for known in told_apart_by) for each in settings}) == len(settings):
            break
    else:
        return f"{names[index]}#{index}"
    told = [f"{name.rpartition('.')[2]} {mine[name]}" for name in told_apart_by]
    return f"{names[index]} ({', '.join(told)})"


def _settings(document: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting of a document with the names that lead to it, `training.epochs` for instance."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _settings(cast("dict[str, Any]", value), f"{place}{name}.")
        else:
            yield f"{place}{name}", value


def make_plan(
    spec: BenchmarkSpec, facts: Mapping[str, TaskFacts], submission_digests: Mapping[str, str], environment_digest: str,
    *, has_compiler: bool = False,
) -> Plan:  # fmt: skip
    """Plan an evaluation.

    Args:
        spec: the benchmark document.
        facts: per task name, what the data and the encoder say.
        submission_digests: per task name, digest of code, supervision and hyperparameters as resolved for its dataset.
        environment_digest: digest of everything about the machine that can change bits.
        has_compiler: whether the machine can compile encoders.

    Raises:
        UserError: a batch is larger than the training set, so that no update could ever be made; or a sparsity leaves
            no weight at all.
    """
    subtrees: list[Subtree] = []
    for index, task in enumerate(spec.tasks):
        name = task_name(spec, index)
        steps_per_epoch = _steps_per_epoch(task, index, facts[name])
        budget_steps = steps_per_epoch * task.training.epochs
        finetune = task.training.finetune
        total_steps = budget_steps + (steps_per_epoch * finetune.epochs if finetune else 0)
        grid = _grid(spec, budget_steps, facts[name].layer_sizes)
        problems = nothing_left(grid, task.encoder.name, facts[name].layer_sizes)
        if problems:
            raise UserError(problems)
        tree = build_tree("", [events for _, _, events in grid], total_steps)  # of no seed
        num_updates = sum(segment.num_steps for segment in tree)
        batch_size, view_flops = task.training.batch_size, facts[name].view_flops
        is_compiled = has_compiler and is_worth_compiling(num_updates, batch_size, view_flops)
        for seed in range(spec.population.models):
            root = root_key(
                train_digest=facts[name].train_digest,
                dataset={"name": task.dataset.name, "flip": task.dataset.flip},
                encoder=task.encoder.model_dump(mode="json"),
                training=task.training.model_dump(mode="json"),
                submission_digest=submission_digests[name],
                seed=seed,
                environment_digest=environment_digest,
                is_compiled=is_compiled,
            )
            runs = tuple(
                Run(name, schedule, sparsity, seed, events, state_key(root, events, total_steps))
                for schedule, sparsity, events in grid
            )
            own = for_another_seed(tree, root)
            subtrees.append(Subtree(name, index, seed, root, budget_steps, total_steps, own, runs, is_compiled))
    return Plan(tuple(subtrees))


def _steps_per_epoch(task: Task, index: int, facts: TaskFacts) -> int:
    """Return the number of full batches in the training set; a training set without one is refused."""
    steps = facts.num_train // task.training.batch_size
    if steps == 0:
        expected = f"at most {facts.num_train}, the number of training images of {task.dataset.name}"
        where, got = f"tasks[{index}].training.batch_size", str(task.training.batch_size)
        raise UserError([Problem(where, expected, got)])
    return steps


def _grid(
    spec: BenchmarkSpec, budget_steps: int, layer_sizes: tuple[int, ...]
) -> list[tuple[str, Decimal, tuple[PruneEvent, ...]]]:
    """Return (schedule, sparsity, events) of every run of a seed, the unpruned run first."""
    cells: list[tuple[str, Decimal, tuple[PruneEvent, ...]]] = [(DENSE, Decimal(0), ())]
    for schedule in spec.schedules:
        for sparsity in spec.sparsities:
            cells.append((schedule.name, sparsity, compile_events(schedule, sparsity, budget_steps, layer_sizes)))
    return cells
