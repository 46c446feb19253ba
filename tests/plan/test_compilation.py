"""Encoders are compiled where a machine can, and all that one seed has to train is worth it; the keys say so."""

from __future__ import annotations

import pytest

from benchmark.plan import Plan, TaskFacts, make_plan
from benchmark.plan.compilation import is_worth_compiling
from benchmark.plan.encoder_shape import flops_per_view, layer_sizes
from benchmark.plan.plan import task_name
from benchmark.spec import BenchmarkSpec
from benchmark.spec.documents.loading import load_spec


def planned(spec: BenchmarkSpec, num_train: int, side: int, *, has_compiler: bool) -> Plan:
    encoder = spec.tasks[0].encoder
    facts = TaskFacts("", num_train, layer_sizes(encoder, 3), flops_per_view(encoder, (3, side, side)))
    name = task_name(spec, 0)
    return make_plan(spec, {name: facts}, {name: ""}, "", has_compiler=has_compiler)


@pytest.mark.parametrize(
    ("name", "num_train", "side", "expected"),
    [("cifar10", 50_000, 32, True), ("corti2022", 50_000, 32, True), ("cifar10-mini-jpeg", 10_000, 16, False)],
)
def test_the_tree_of_a_seed_decides_and_every_key_tells(name: str, num_train: int, side: int, expected: bool) -> None:
    spec = load_spec(name)
    spec = spec.model_copy(update={"population": spec.population.model_copy(update={"models": 2})})
    plain, able = (planned(spec, num_train, side, has_compiler=has_compiler) for has_compiler in (False, True))
    assert not any(subtree.is_compiled for subtree in plain.subtrees)
    assert [subtree.is_compiled for subtree in able.subtrees] == [expected] * len(able.subtrees)
    keys = [{run.state_key for run in plan.runs} for plan in (plain, able)]
    assert keys[0].isdisjoint(keys[1]) if expected else keys[0] == keys[1]


def test_one_run_of_the_study_is_not_worth_it_and_the_tree_of_a_seed_is() -> None:
    spec = load_spec("corti2022")
    able = planned(spec, 50_000, 32, has_compiler=True)
    task, tree = spec.tasks[0], able.subtrees[0]
    view_flops = flops_per_view(task.encoder, (3, 32, 32))
    assert not is_worth_compiling(tree.total_steps, task.training.batch_size, view_flops)
    assert tree.is_compiled


