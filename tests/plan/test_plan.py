"""The plan of an evaluation: every cell of the grid once, per seed one tree, names that do not depend on company."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from benchmark.plan import Plan, TaskFacts, compile_events, make_plan, root_key, state_key
from benchmark.plan.plan import DENSE, task_name
from benchmark.spec import BenchmarkSpec

FACTS = {
    "digits/resnet8 (width 2)": TaskFacts("aa" * 32, 70, (40, 60), 1000),
    "digits/resnet8 (width 3)": TaskFacts("bb" * 32, 33, (100,), 1000),
}
SUBMISSION_DIGESTS = {"digits/resnet8 (width 2)": "cc" * 32, "digits/resnet8 (width 3)": "dd" * 32}
ENVIRONMENT_DIGEST = "ee" * 32


def document(**changes: Any) -> dict[str, Any]:
    return {
        "name": "small", "version": "1.0", "tier": "smoke",
        "tasks": [
            {
                "dataset": {"name": "digits"}, "encoder": {"name": "resnet8", "width": 2},
                "training": {"epochs": 5, "batch_size": 16},
            },
            {
                "dataset": {"name": "digits"}, "encoder": {"name": "resnet8", "width": 3},
                "training": {"epochs": 2, "batch_size": 8},
            },
        ],
        "sparsities": ["0.5", "0.9"],
        "schedules": [
            {"name": "early", "kind": "gradual", "begin": "0.1", "end": "0.5", "updates": 4},
            {"name": "late", "kind": "one_shot", "at": "0.75"},
            {"name": "start", "kind": "one_shot", "at": "0", "criterion": "random"},
            {"name": "last", "kind": "one_shot", "at": "1", "allocation": "layerwise"},
        ],
        "population": {"models": 2},
        "evaluation": {},
        **changes,
    }  # fmt: skip


def planned(**changes: Any) -> Plan:
    spec = BenchmarkSpec.model_validate(document(**changes))
    return make_plan(spec, FACTS, SUBMISSION_DIGESTS, ENVIRONMENT_DIGEST)


def naive_cells(spec: BenchmarkSpec) -> Iterator[tuple[str, str, Decimal, int]]:
    for task in ("digits/resnet8 (width 2)", "digits/resnet8 (width 3)"):
        for seed in range(spec.population.models):
            yield task, DENSE, Decimal(0), seed
            for schedule in spec.schedules:
                for sparsity in spec.sparsities:
                    yield task, schedule.name, sparsity, seed


def test_every_cell_of_the_grid_is_one_run_and_dense_is_always_there() -> None:
    spec = BenchmarkSpec.model_validate(document())
    cells = [(run.task, run.schedule, run.sparsity, run.seed) for run in planned().runs]
    assert sorted(cells) == sorted(naive_cells(spec))
    assert len(cells) == 2 * 2 * (1 + 4 * 2)


def test_tasks_that_share_data_and_encoder_are_named_by_what_differs() -> None:
    """C10: `#0` and `#1` told nobody which task a reference line belonged to."""
    alone = BenchmarkSpec.model_validate(document(tasks=document()["tasks"][:1]))
    both = BenchmarkSpec.model_validate(document())
    assert task_name(alone, 0) == "digits/resnet8"
    assert [task_name(both, 0), task_name(both, 1)] == ["digits/resnet8 (width 2)", "digits/resnet8 (width 3)"]
    first, second = document()["tasks"]
    three = [first, {**first, "training": {"epochs": 9, "batch_size": 16}}, second]
    spec = BenchmarkSpec.model_validate(document(tasks=three))
    assert [task_name(spec, index) for index in range(3)] == [
        "digits/resnet8 (width 2, epochs 5)", "digits/resnet8 (width 2, epochs 9)", "digits/resnet8 (width 3, epochs 2)"
    ]  # fmt: skip
    equal = BenchmarkSpec.model_validate(document(tasks=[first, first]))
    assert [task_name(equal, 0), task_name(equal, 1)] == ["digits/resnet8#0", "digits/resnet8#1"]


def test_every_run_ends_in_a_leaf_of_its_own_seed_and_task() -> None:
    for subtree in planned().subtrees:
        leaves = {segment.key for segment in subtree.segments if segment.is_leaf}
        assert {run.state_key for run in subtree.runs} == leaves
        assert {(run.task, run.seed) for run in subtree.runs} == {(subtree.task, subtree.seed)}


def test_steps_are_whole_batches_per_epoch_times_epochs() -> None:
    lengths = {(each.task, each.budget_steps, each.total_steps) for each in planned().subtrees}
    assert lengths == {("digits/resnet8 (width 2)", 4 * 5, 4 * 5), ("digits/resnet8 (width 3)", 4 * 2, 4 * 2)}


def test_fine_tuning_comes_after_the_budget_that_schedules_count_in() -> None:
    tasks = document()["tasks"]
    tasks[0]["training"]["finetune"] = {"epochs": 3, "learning_rate": 0.001}
    subtree = planned(tasks=tasks).subtrees[0]
    assert (subtree.budget_steps, subtree.total_steps) == (4 * 5, 4 * 8)
    pruned = {(run.schedule, run.sparsity): run.events for run in subtree.runs}
    assert pruned == {(run.schedule, run.sparsity): run.events for run in planned().subtrees[0].runs}


def test_names_come_from_facts_seed_and_compiled_events_alone() -> None:
    spec = BenchmarkSpec.model_validate(document())
    run = next(run for run in planned().runs if (run.schedule, run.sparsity, run.seed) == ("early", Decimal("0.9"), 1))
    root = root_key(
        train_digest="aa" * 32, dataset={"name": "digits", "flip": False},
        encoder={"name": "resnet8", "width": 2},
        training={"epochs": 5, "batch_size": 16, "precision": "float32", "finetune": None},
        submission_digest="cc" * 32, seed=1, environment_digest="ee" * 32,
    )  # fmt: skip
    events = compile_events(spec.schedules[0], Decimal("0.9"), 20, (40, 60))
    assert run.events == events
    assert run.state_key == state_key(root, events, 20)


def test_no_two_seeds_or_tasks_share_a_state() -> None:
    keys = [segment.key for subtree in planned().subtrees for segment in subtree.segments]
    assert len(set(keys)) == len(keys)
    assert len({subtree.root for subtree in planned().subtrees}) == 4


@pytest.mark.parametrize("schedule", range(4))
def test_a_run_has_the_same_name_whatever_else_is_in_the_grid(schedule: int) -> None:
    other = {"name": "other", "kind": "one_shot", "at": "0.6"}
    few = planned(schedules=[other, document()["schedules"][schedule]], sparsities=["0.8", "0.9"])
    name_in_few = {(run.task, run.schedule, run.sparsity, run.seed): run.state_key for run in few.runs}
    name_in_all = {(run.task, run.schedule, run.sparsity, run.seed): run.state_key for run in planned().runs}
    common = name_in_few.keys() & name_in_all.keys()
    assert len(common) == 2 * 2 * 2
    assert all(name_in_few[cell] == name_in_all[cell] for cell in common)


def test_names_and_wording_of_a_specification_are_not_hashed_but_its_budget_is() -> None:
    keys = {run.state_key for run in planned().runs}
    assert {run.state_key for run in planned(name="other", version="2.0", description="reworded").runs} == keys
    longer = document()["tasks"]
    longer[0]["training"]["epochs"] = longer[1]["training"]["epochs"] = 6
    assert not {run.state_key for run in planned(tasks=longer).runs} & keys


def test_sharing_never_costs_and_the_trunk_is_trained_once_per_seed() -> None:
    plan = planned()
    assert plan.num_updates_naive == sum(20 if run.task.endswith("(width 2)") else 8 for run in plan.runs)
    assert plan.num_updates < plan.num_updates_naive
    alone = planned(schedules=[{"name": "late", "kind": "one_shot", "at": "0.75"}])
    # per seed: the dense run, and two tails of a quarter
    assert alone.num_updates == 2 * (20 + 2 * 5) + 2 * (8 + 2 * 2)


def test_a_batch_that_no_epoch_can_fill_is_refused_with_its_place() -> None:
    tasks = document()["tasks"]
    tasks[1]["training"]["batch_size"] = 34
    with pytest.raises(ValueError, match=r"tasks\[1\]\.training\.batch_size: expected at most 33, .* got 34"):
        planned(tasks=tasks)
