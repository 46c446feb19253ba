"""How much is done at the same time: one process per core, one trainer or a few per GPU."""

from __future__ import annotations

import math
import os
from typing import Literal

from benchmark.executors.base import Executor, QueueExecutor, SpreadingExecutor
from benchmark.machine import available_cores
from benchmark.store.slots import Place

TRAINERS_SHARING_A_GPU = 4
"""Trainers of small networks that share a GPU. Each waits for Python, which makes its views, so the device has time for
several. More of them would only fill its memory with their libraries, half a GiB each."""

FILLS_A_GPU_FLOPS = 1e11
"""Floating-point operations of an update (one view per image) that leave no room for another trainer's: 0.1 to 1 ms."""


def default_workers(executor: Executor | None = None) -> int:
    """Return the number of processes that work at the same time: one per core, or what a queue is asked for.

    A trainer has one thread.
    """
    return executor.scoring_workers if isinstance(executor, QueueExecutor) else available_cores()


def trainers_at_once(
    device: Literal["cpu", "cuda"], update_flops: float, workers: int, executor: Executor | None = None
) -> int:
    """Return the number of trainers that run at the same time.

    Args:
        device: where they train.
        update_flops: floating-point operations of an update, with one view per image.
        workers: processes that may work at the same time.
        executor: where they run. A queue takes as many as it is said to.
    """
    if isinstance(executor, QueueExecutor):
        return executor.jobs_at_once
    if device == "cpu":
        return workers
    return min(workers, num_gpus(executor) * trainers_on_a_gpu(update_flops))


def places(
    device: Literal["cpu", "cuda"], update_flops: float, executor: Executor | None = None
) -> tuple[Place, ...]:
    """List the places of this machine that all dispatchers of a home share; none where a queue decides.

    Args:
        device: where they train.
        update_flops: floating-point operations of an update, with one view per image.
        executor: where they run.
    """
    if isinstance(executor, QueueExecutor):
        return ()
    if device == "cpu":
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(available_cores())
        return tuple(Place(f"core-{number}") for number in cores)
    gpus = executor.gpus if isinstance(executor, SpreadingExecutor) and executor.gpus else ("0",)
    each = trainers_on_a_gpu(update_flops)
    found = [Place(f"gpu-{gpu}-{share}", gpu) for share in range(each) for gpu in gpus]
    return tuple(found[: available_cores()])


def trainers_on_a_gpu(update_flops: float) -> int:
    """Return how many trainers share a GPU: one whose updates leave no room for another's, else a few."""
    return 1 if update_flops >= FILLS_A_GPU_FLOPS else TRAINERS_SHARING_A_GPU


def num_gpus(executor: Executor | None) -> int:
    """Return over how many GPUs of this machine trainers are spread, at least one."""
    return max(1, len(executor.gpus)) if isinstance(executor, SpreadingExecutor) else 1


def trainers_per_device(device: Literal["cpu", "cuda"], at_once: int, executor: Executor | None = None) -> int:
    """Return how many of the trainers that run at once share one device.

    A core is never shared. Trainers are spread over the GPUs of a machine. A queue gives every job a GPU of its own.
    """
    if device == "cpu" or isinstance(executor, QueueExecutor):
        return 1
    return math.ceil(at_once / num_gpus(executor))
