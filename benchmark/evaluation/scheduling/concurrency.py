"""How much is done at the same time: processes for the cores there are, trainers for the devices there are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from benchmark.encoder import flops_per_view
from benchmark.plan.plan import task_name
from benchmark.training.environment import TRAINER_THREADS

if TYPE_CHECKING:
    from benchmark.evaluation.evaluate import Prepared

SHARING_A_GPU = 4
"""Trainers of small networks that share a GPU: Python, which makes their views, is what each waits for. They take turns
on the device, which more of them would only fill with their libraries, half a GiB each."""

FILLS_A_GPU = 1e11
"""Floating-point operations of an update (one view per image) that leave no room for another trainer's: 0.1 to 1 ms."""


def default_workers() -> int:
    """Give the number of processes that work at the same time: one per core."""
    return max(1, len(os.sched_getaffinity(0)) // TRAINER_THREADS)


def trainers_at_once(prepared: Prepared, workers: int) -> int:
    """Give the number of trainers at the same time: as many as `workers` on a CPU, one or a few on a GPU."""
    if prepared.device == "cpu":
        return workers
    spec, facts = prepared.spec, prepared.facts
    shapes = [facts[task_name(spec, index)].image_shape for index in range(len(spec.tasks))]
    operations = [
        task.training.batch_size * flops_per_view(task.encoder, shape)
        for task, shape in zip(spec.tasks, shapes, strict=True)
    ]
    return 1 if max(operations) >= FILLS_A_GPU else min(workers, SHARING_A_GPU)


def sharing_of(device: Literal["cpu", "cuda"], at_once: int) -> int:
    """Give how many trainers share one device: all of them the one GPU, none a core."""
    return at_once if device == "cuda" else 1
