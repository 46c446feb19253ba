"""Whether the encoder is compiled: where a device has a compiler, and one run is long enough to win its time back.

Compiled floats are other floats. The decision is a function of what names a state (encoder, images, budget,
environment) and of nothing else, so that a state is the same whoever trains it.
"""

from __future__ import annotations

import torch

from benchmark.encoder import flops_per_view
from benchmark.training.environment import compiler
from benchmark.training.training_job import TrainingJob

LEAST_FLOPS = 2e16
"""Floating-point operations of a run (one view per image, forward and backward) from which on compiling pays: about
a minute of a large GPU, of which it saves a quarter in 20 s. Below, most networks are too small to gain at all."""


def is_worth_compiling(job: TrainingJob, image_shape: tuple[int, int, int], device: torch.device) -> bool:
    """Decide for all models of a job."""
    if compiler(device) is None:
        return False
    images = job.total_steps * job.batch_size
    return images * flops_per_view(job.encoder, image_shape) >= LEAST_FLOPS
