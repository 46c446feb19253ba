"""How much is done at the same time: one process per core, one trainer or a few per GPU."""

from __future__ import annotations

import math
from typing import Literal

from benchmark.executors.base import Executor, QueueExecutor, SpreadingExecutor
from benchmark.machine import available_cores

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
    each = 1 if update_flops >= FILLS_A_GPU_FLOPS else TRAINERS_SHARING_A_GPU
    return min(workers, num_gpus(executor) * each)


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
