"""The decision whether the encoder is compiled: where there is a compiler, and one run saves more time than it costs.

A compiled encoder rounds differently. The decision therefore depends only on what a state's key covers: encoder,
images, budget and environment. A state then has the same bits on every machine of that environment.
"""

from __future__ import annotations

import torch

from benchmark.encoder import flops_per_view
from benchmark.training.environment import compiler
from benchmark.training.training_job import TrainingJob

LEAST_FLOPS = 2e16
"""Least floating-point operations of a run for which the encoder is compiled: one view per image, forward and backward.

That is about a minute of a large GPU. Compiling takes 20 s and saves a quarter of an update's time. Most networks with
shorter runs are too small to gain anything.
"""


def is_worth_compiling(job: TrainingJob, image_shape: tuple[int, int, int], device: torch.device) -> bool:
    """Return whether all models of a job are compiled.

    Args:
        job: gives the encoder and the budget.
        image_shape: (channels, height, width).
        device: where models are trained.
    """
    if compiler(device) is None:
        return False
    images = job.total_steps * job.batch_size
    return images * flops_per_view(job.encoder, image_shape) >= LEAST_FLOPS
