"""The mode in which a process reads models on a GPU, what its numbers depend on there, and how many may share it.

It refuses to be fast at the cost of digits: float32 stays float32, and every sum is made in the same order every time.
"""

from __future__ import annotations

import os

import torch

from benchmark.scoring.compute import Compute, Device

CONTEXT_BYTES = 2**29
"""What a process takes of a GPU before it has computed anything."""

CHUNKS_AT_ONCE = 6
"""Pieces of work that are there at the same time, at worst: where ties are settled in all rows of a block."""


MOST_PROCESSES = 8
"""Processes that read on one GPU at most. They take turns on it, and it is busy with WRN-16-2 from the third on; more
help only while small networks leave it waiting for the processor."""


def configure(device: Device) -> None:
    """Put this process into the mode in which it reads models; on a CPU that is the mode it starts in.

    Raises:
        RuntimeError: a GPU is asked for and torch sees none here.
    """
    if device == "cpu":
        return
    if not torch.cuda.is_available():
        raise RuntimeError("scorer: expected a visible CUDA GPU, found none; use DEVICE=cpu")
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def use_gpu(number: int) -> None:
    """Make one of the visible GPUs this process's `cuda`: the first, the second and so on, and round again."""
    torch.cuda.set_device(number % torch.cuda.device_count())


def facts_that_change_bits(compute: Compute) -> dict[str, str | int]:
    """Return what the key of a number says of where it was computed: nothing on a CPU, in pieces of usual size."""
    facts: dict[str, str | int] = {}
    if compute.device != "cpu":
        facts["device"] = torch.cuda.get_device_name()
    if compute != Compute.on(compute.device):
        facts["chunk_bytes"] = compute.chunk_bytes
    return facts


def release(compute: Compute) -> None:
    """Free the memory that this process keeps for its next model, for the other processes that share a GPU."""
    if compute.device != "cpu":
        torch.cuda.empty_cache()


def processes_that_fit(compute: Compute, wanted: int, num_largest: int) -> int:
    """Return how many processes may read at the same time: as many as wanted, fewer where GPUs have too little memory.

    All visible GPUs are taken to be like the first, which is asked for its free memory.

    Args:
        compute: where they read.
        wanted: how many the processor has room for.
        num_largest: numbers in the largest set of features whose neighbours are searched.
    """
    if compute.device == "cpu":
        return wanted
    free_bytes, _ = torch.cuda.mem_get_info()
    features_bytes = num_largest * (4 + 8 + 8)  # as they arrive, in float64, and the squares of these
    each = CONTEXT_BYTES + CHUNKS_AT_ONCE * compute.chunk_bytes + features_bytes
    num_gpus = max(1, torch.cuda.device_count())
    return max(1, min(wanted, num_gpus * min(MOST_PROCESSES, free_bytes // each)))
