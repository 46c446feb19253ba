"""How much is done at the same time: one process per core, one trainer or a few per GPU."""

from __future__ import annotations

from typing import Literal

from benchmark.machine import available_cores

TRAINERS_SHARING_A_GPU = 4
"""Trainers of small networks that share a GPU. Each waits for Python, which makes its views, so the device has time for
several. More of them would only fill its memory with their libraries, half a GiB each."""

FILLS_A_GPU_FLOPS = 1e11
"""Floating-point operations of an update (one view per image) that leave no room for another trainer's: 0.1 to 1 ms."""


def default_workers() -> int:
    """Return the number of processes that work at the same time: one per core, as a trainer has one thread."""
    return available_cores()


def trainers_at_once(device: Literal["cpu", "cuda"], update_flops: float, workers: int) -> int:
    """Return the number of trainers that run at the same time.

    Args:
        device: where they train.
        update_flops: floating-point operations of an update, with one view per image.
        workers: processes that may work at the same time.
    """
    if device == "cpu":
        return workers
    return 1 if update_flops >= FILLS_A_GPU_FLOPS else min(workers, TRAINERS_SHARING_A_GPU)


def trainers_per_device(device: Literal["cpu", "cuda"], at_once: int) -> int:
    """Return how many of the trainers that run at once share one device. A core is never shared, the one GPU always."""
    return at_once if device == "cuda" else 1
