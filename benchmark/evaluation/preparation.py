"""Everything cheap about a request: the submission admitted, the data loaded, the grid planned. Trains nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmark.admission.gate import Admitted, submission_digest
from benchmark.datasets.dataset import DatasetFacts, MissingDataError, declared_facts
from benchmark.executors.base import Executor
from benchmark.plan import Plan, TaskFacts, make_plan
from benchmark.plan.encoder_shape import flops_per_view, layer_sizes
from benchmark.plan.plan import task_name
from benchmark.plan.state_keys import evaluation_key
from benchmark.spec import BenchmarkSpec, ImageFolder, Task
from benchmark.spec.canonical import digest
from benchmark.store.dataset_files import TaskData, TransferData, write_task_data, write_transfer_data
from benchmark.store.layout import Home
from benchmark.store.submission_copies import admit_a_copy


@dataclass(frozen=True)
class Prepared:
    """A request that was admitted and planned.

    Attributes:
        spec: the benchmark. Pictures of one's own have the name of their content in it, and not where they lie.
        admitted: the submission, as a private copy.
        data: images by task. Tasks whose images are not on this machine are missing here, where that was allowed.
        facts: what a plan must know of every task's dataset.
        environment: everything about the machine that can change bits.
        plan: every run of the grid, and the tree of shared segments.
        device: where encoders are trained and read.
        transfer: datasets that encoders are transferred to; empty where nothing may be downloaded.
    """

    spec: BenchmarkSpec
    admitted: Admitted
    data: Mapping[str, TaskData]
    facts: Mapping[str, DatasetFacts]
    environment: Mapping[str, Any]
    plan: Plan
    device: Literal["cpu", "cuda"]
    transfer: tuple[TransferData, ...] = ()

    @property
    def evaluation_key(self) -> str:
        """Name of the evaluation: what is trained (all leaf states) under which specification."""
        return evaluation_key(self.spec.identity, self.admitted.name, [run.state_key for run in self.plan.runs])

    @property
    def update_flops(self) -> float:
        """Floating-point operations of the dearest task's update with one view per image, forward only."""
        shapes = [self.facts[task_name(self.spec, index)].image_shape for index in range(len(self.spec.tasks))]
        return max(
            task.training.batch_size * flops_per_view(task.encoder, shape)
            for task, shape in zip(self.spec.tasks, shapes, strict=True)
        )

    def hyperparameters(self, task: str) -> dict[str, Any]:
        """Return the manifest's hyperparameters, resolved for a task's dataset."""
        return dict(self.admitted.manifest.resolved(self.data[task].dataset.name))


def prepare(
    spec: BenchmarkSpec, submission: Path, home: Home, executor: Executor, device: Literal["cpu", "cuda"], *,
    download: bool = True, hyperparameters: Mapping[str, Any] | None = None,
) -> Prepared:  # fmt: skip
    """Admit a submission, load the data and plan.

    Args:
        spec: the benchmark.
        submission: its directory.
        home: where data and states are kept.
        executor: where it will run.
        device: on what.
        download: whether missing data are fetched. Without, a published dataset is planned with its published counts.
        hyperparameters: those of an earlier evaluation, in place of what the manifest says today.

    Raises:
        UserError: the submission, the data or the plan are refused, with every problem.
    """
    admitted = admit_a_copy(submission, home).under(spec.name)
    if hyperparameters is not None:
        admitted = admitted.with_hyperparameters(hyperparameters)
    tasks = {task_name(spec, index): task for index, task in enumerate(spec.tasks)}
    data: dict[str, TaskData] = {}
    facts: dict[str, DatasetFacts] = {}
    for name, task in tasks.items():
        try:
            data[name] = write_task_data(home, task, download=download)
            facts[name] = data[name].dataset.facts
        except MissingDataError:
            declared = declared_facts(task.dataset)
            if declared is None:
                raise
            facts[name] = declared
    environment = executor.environment(device)
    plan = plan_of(spec, admitted, data, facts, environment)
    spec = _named_by_content(spec, data)
    transfer = write_transfer_data(home, spec) if download else ()
    return Prepared(spec, admitted, data, facts, environment, plan, device, transfer)


def plan_of(
    spec: BenchmarkSpec, admitted: Admitted, data: Mapping[str, TaskData], facts: Mapping[str, DatasetFacts],
    environment: Mapping[str, Any],
) -> Plan:  # fmt: skip
    """Plan everything that a specification asks of a submission.

    Args:
        spec: the benchmark.
        admitted: the submission, with the hyperparameters that hold under it.
        data: images by task; those that are not on this machine are missing here.
        facts: what a plan must know of every task's dataset.
        environment: everything about the machine that can change bits.

    Raises:
        UserError: the plan is impossible.
    """
    tasks = {task_name(spec, index): task for index, task in enumerate(spec.tasks)}
    task_facts = {
        name: TaskFacts(
            train_digest=data[name].dataset.train.digest if name in data else "not here",
            num_train=facts[name].num_train,
            layer_sizes=layer_sizes(task.encoder, facts[name].image_shape[0]),
            view_flops=flops_per_view(task.encoder, facts[name].image_shape),
        )
        for name, task in tasks.items()
    }
    digests = {
        name: submission_digest(admitted.manifest, admitted.code_digest, task.dataset.name)
        for name, task in tasks.items()
    }
    return make_plan(spec, task_facts, digests, digest(environment), has_compiler="compiler" in environment)


def _named_by_content(spec: BenchmarkSpec, data: Mapping[str, TaskData]) -> BenchmarkSpec:
    """Name pictures by their content: a path of this machine says nothing elsewhere, and is nobody's business there.

    The relative paths of shipped documents are names, under FMN_DATA, and stay.
    """
    tasks: list[Task] = []
    for index, task in enumerate(spec.tasks):
        dataset = task.dataset
        if isinstance(dataset, ImageFolder) and Path(dataset.path).is_absolute():
            path = data[task_name(spec, index)].dataset.content
            task = task.model_copy(update={"dataset": dataset.model_copy(update={"path": path})})
        tasks.append(task)
    return spec.model_copy(update={"tasks": tuple(tasks)})
