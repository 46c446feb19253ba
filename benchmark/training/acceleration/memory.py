"""What models in training take of a device's memory, and how many of them fit beside one another.

A bound changes no bit (`Sweep.most_models`), which is why it is decided here, by the device, and not by the plan.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from benchmark.training.live_model import LiveModel

STATES_SHARE = 0.25
"""Share of a trainer's memory that models at rest may take; activations, views and images need the rest."""

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def bytes_at_rest(model: LiveModel) -> int:
    """Bytes that a model keeps between two updates: weights, buffers, gradients, optimizer state and mask.

    Before its first update an optimizer holds nothing yet; it is counted with two moments per weight, as Adam's.
    """
    weights = [*model.encoder.parameters(), *model.method.parameters()]
    trained = sum(_size(weight) for weight in weights if weight.requires_grad)
    states = model.optimizer.state.values()
    moments = [value for state in states for value in state.values() if isinstance(value, Tensor)]
    buffers = [*model.encoder.buffers(), *model.method.buffers()]
    at_rest = sum(map(_size, [*weights, *buffers, *model.mask.kept.values(), *model.masked.values()]))
    return at_rest + trained + (sum(map(_size, moments)) if moments else 2 * trained)


def most_models(model: LiveModel, device: torch.device, sharing: int = 1) -> int:
    """Give how many models like this one a trainer may keep alive at once, at least one.

    Args:
        model: one of them.
        device: where they are.
        sharing: trainers that share the device.
    """
    share_bytes = int(STATES_SHARE * total_bytes(device)) // sharing
    return max(1, share_bytes // max(1, bytes_at_rest(model)))


def total_bytes(device: torch.device) -> int:
    """Give the memory of a GPU; or one trainer's part of the machine's, where one may run on every core.

    A container has a limit of its own, which is shared out alike: a bound that is too low costs time, never a bit.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_container_limits()]) // len(os.sched_getaffinity(0))


def peak_memory(device: torch.device) -> int:
    """Give the largest memory of this process so far: kept from others on a GPU, resident on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _container_limits() -> Iterator[int]:
    for path in _CGROUP_LIMITS:
        try:
            yield int(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue  # not a container, or one without a limit ("max")


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
