"""How many trainers share a device is decided by what an update costs there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from benchmark.datasets.dataset import DatasetFacts
from benchmark.evaluation.preparation import Prepared
from benchmark.evaluation.scheduling.concurrency import (
    TRAINERS_SHARING_A_GPU,
    default_workers,
    trainers_at_once,
    trainers_per_device,
)
from benchmark.plan.plan import task_name
from benchmark.spec.documents.loading import load_spec

SHAPES = {"digits": (1, 8, 8), "cifar10-mini": (3, 16, 16), "cifar10": (3, 32, 32), "corti2022": (3, 32, 32)}


def update_flops(name: str) -> float:
    spec = load_spec(name)
    facts = DatasetFacts(num_train=50_000, image_shape=SHAPES[name], num_classes=10, flip=True)
    request: Any = SimpleNamespace(spec=spec, facts={task_name(spec, 0): facts})
    flops = Prepared.update_flops.fget
    assert flops is not None
    return flops(request)


@pytest.mark.parametrize("name", SHAPES)
def test_on_processors_there_are_as_many_trainers_as_workers(name: str) -> None:
    assert [trainers_at_once("cpu", update_flops(name), workers) for workers in (1, 2, 64)] == [1, 2, 64]
    assert default_workers() >= 1


@pytest.mark.parametrize("name", ["digits", "cifar10-mini"])
def test_trainers_of_small_networks_share_a_gpu(name: str) -> None:
    at_once = [trainers_at_once("cuda", update_flops(name), workers) for workers in (1, 2, 64)]
    assert at_once == [1, 2, TRAINERS_SHARING_A_GPU]


@pytest.mark.parametrize("name", ["cifar10", "corti2022"])
def test_a_large_network_has_a_gpu_to_itself(name: str) -> None:
    assert [trainers_at_once("cuda", update_flops(name), workers) for workers in (1, 2, 64)] == [1, 1, 1]


def test_all_trainers_share_the_one_gpu_and_none_a_core() -> None:
    assert [trainers_per_device("cuda", at_once) for at_once in (1, 4)] == [1, 4]
    assert [trainers_per_device("cpu", at_once) for at_once in (1, 4)] == [1, 1]
