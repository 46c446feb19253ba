"""The complete state of a model in training, and its three files. Complete means: nothing else decides the future."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark.pruning.mask import Mask
from benchmark.training.state_files import ENCODER_FILE, MASK_FILE, METHOD_FILE


@dataclass(frozen=True)
class TrainState:
    """Everything that decides how training goes on from here.

    Attributes:
        step: updates made; randomness is a function of it.
        logical_step: position in the learning-rate schedule; differs from `step` only after a rewind.
        encoder: weights and buffers of the encoder by name, masked weights already zero.
        mask: which prunable weights live.
        method: state of the method (heads, queues, teachers).
        optimizer: state of the optimizer.
    """

    step: int
    logical_step: int
    encoder: dict[str, Tensor]
    mask: Mask
    method: dict[str, Any]
    optimizer: dict[str, Any]


def save_state(state: TrainState, directory: Path, *, resumable: bool = True) -> None:
    """Write a state's files into an existing directory; without `resumable` only what scoring needs."""
    save_file({name: tensor.cpu().contiguous() for name, tensor in state.encoder.items()}, directory / ENCODER_FILE)
    save_file({name: kept.cpu().contiguous() for name, kept in state.mask.kept.items()}, directory / MASK_FILE)
    if resumable:
        steps = {"step": state.step, "logical_step": state.logical_step}
        blob = {**steps, "method": state.method, "optimizer": state.optimizer}
        torch.save(blob, directory / METHOD_FILE)


def load_state(directory: Path, device: torch.device) -> TrainState:
    """Read a state back; only tensors and plain values are ever unpickled."""
    blob = torch.load(directory / METHOD_FILE, map_location=device, weights_only=True)
    return TrainState(
        step=blob["step"],
        logical_step=blob["logical_step"],
        encoder=load_file(directory / ENCODER_FILE, device=str(device)),
        mask=Mask(load_file(directory / MASK_FILE, device=str(device))),
        method=blob["method"],
        optimizer=blob["optimizer"],
    )
