"""The complete state of a model in training, and its three files.

Complete means that nothing else decides how training goes on: a model continued from a state ends in the same bits as
one that was never interrupted.
"""

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
    """Everything that decides how training goes on.

    Attributes:
        step: number of updates made, t. Randomness at an update is a function of seed, stream name and t.
        logical_step: position in the learning-rate schedule. It differs from `step` only after a rewind.
        encoder: weights and buffers of the encoder by name. Masked weights are zero.
        mask: which prunable weights are kept.
        method: `state_dict` of the method: heads, queues, teachers.
        optimizer: `state_dict` of the optimizer.
    """

    step: int
    logical_step: int
    encoder: dict[str, Tensor]
    mask: Mask
    method: dict[str, Any]
    optimizer: dict[str, Any]


def save_state(state: TrainState, directory: Path, *, resumable: bool = True) -> None:
    """Write a state's files.

    Args:
        state: what to write.
        directory: an existing folder.
        resumable: whether training goes on from this state. If not, only what scoring needs is written: encoder, mask.
    """
    save_file({name: tensor.cpu().contiguous() for name, tensor in state.encoder.items()}, directory / ENCODER_FILE)
    save_file({name: kept.cpu().contiguous() for name, kept in state.mask.kept.items()}, directory / MASK_FILE)
    if resumable:
        steps = {"step": state.step, "logical_step": state.logical_step}
        blob = {**steps, "method": state.method, "optimizer": state.optimizer}
        torch.save(blob, directory / METHOD_FILE)


def load_state(directory: Path, device: torch.device) -> TrainState:
    """Read a state from its files. Only tensors and plain values are unpickled, so no code in a file can run.

    Args:
        directory: folder of a state that was saved as `resumable`.
        device: where its tensors are put.

    Raises:
        FileNotFoundError: the state was saved without `resumable`, or is not there.
        UnpicklingError: the method's file holds something else than tensors and plain values.
        ValueError: the mask is not boolean.
    """
    blob = torch.load(directory / METHOD_FILE, map_location=device, weights_only=True)
    return TrainState(
        step=blob["step"],
        logical_step=blob["logical_step"],
        encoder=load_file(directory / ENCODER_FILE, device=str(device)),
        mask=Mask(load_file(directory / MASK_FILE, device=str(device))),
        method=blob["method"],
        optimizer=blob["optimizer"],
    )
