"""Whether the encoder is compiled: where a device has a compiler, and one run is long enough to win its time back.

Compiled floats are other floats. The decision is a function of what names a state (encoder, images, budget,
environment) and of nothing else, so that a state is the same whoever trains it.
"""

from __future__ import annotations

import importlib.util
import shutil

import torch

from benchmark.encoder import flops_per_view
from benchmark.training.job import TrainingJob

LEAST_FLOPS = 2e16
"""Floating-point operations of a run (one view per image, forward and backward) from which on compiling pays: about
a minute of a large GPU, of which it saves a quarter in 20 s. Below, most networks are too small to gain at all."""


def can_compile(device: torch.device) -> bool:
    """Whether encoders can be compiled here: Triton needs a C compiler beside it."""
    return device.type == "cuda" and importlib.util.find_spec("triton") is not None and _c_compiler() is not None


def _c_compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def is_worth_compiling(job: TrainingJob, image_shape: tuple[int, int, int], device: torch.device) -> bool:
    """Decide for all models of a job."""
    images = job.total_steps * job.batch_size
    return can_compile(device) and images * flops_per_view(job.encoder, image_shape) >= LEAST_FLOPS

