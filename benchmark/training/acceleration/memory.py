"""How much memory a model in training takes, and how many models a trainer keeps alive at once.

This bound changes no bit of any state (see `Sweep`), so it may depend on the device and is no part of the plan.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from benchmark.machine import available_cores, memory_bytes, peak_resident_bytes
from benchmark.training.live_model import LiveModel

logger = logging.getLogger(__name__)

STATES_SHARE = 0.25
"""Share of a trainer's memory that models may take between updates; activations, views and images need the rest."""

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def bytes_at_rest(model: LiveModel) -> int:
    """Return the bytes that a model keeps between two updates: weights, buffers, gradients, optimizer state and mask.

    An optimizer holds nothing before its first update. It is then counted with two moments per weight, as Adam has.
    """
    weights = [*model.encoder.parameters(), *model.method.parameters()]
    trained = sum(_size(weight) for weight in weights if weight.requires_grad)
    states = model.optimizer.state.values()
    moments = [value for state in states for value in state.values() if isinstance(value, Tensor)]
    buffers = [*model.encoder.buffers(), *model.method.buffers()]
    at_rest = sum(map(_size, [*weights, *buffers, *model.mask.kept.values(), *model.masked.values()]))
    return at_rest + trained + (sum(map(_size, moments)) if moments else 2 * trained)


def most_models(model: LiveModel, device: torch.device, sharing: int = 1) -> int:
    """Return how many models like this one a trainer may keep alive at once, at least one.

    Args:
        model: one of them.
        device: where they are kept.
        sharing: number of trainers that use the device at the same time.
    """
    share_bytes = int(STATES_SHARE * total_bytes(device)) // sharing
    return max(1, share_bytes // max(1, bytes_at_rest(model)))


def total_bytes(device: torch.device) -> int:
    """Return the bytes of a GPU, or, on a CPU, one trainer's part of the machine's memory: one trainer runs per core.

    A container may have a limit of its own, which is divided in the same way although fewer trainers may run in it. The
    result may be too small, which costs time and changes no bit.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return min([memory_bytes(), *_container_limits()]) // available_cores()


def peak_memory(device: torch.device) -> int:
    """Return the largest number of bytes this process had so far: reserved on a GPU, resident on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return peak_resident_bytes()


def _container_limits() -> Iterator[int]:
    """Yield the memory limits of this process's control group, in bytes."""
    for path in _CGROUP_LIMITS:
        try:
            yield int(path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:  # no container, or one without a limit, where the file says "max"
            logger.debug("no memory limit in %s (%s): the machine's memory is the only bound", path, error)


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
