"""From a job to what all its models have in common: the method's setting, precision, capture and compilation."""

from __future__ import annotations

from dataclasses import replace

import torch

from benchmark.data.batches import Batches
from benchmark.encoder import feature_dim
from benchmark.method.contract import Method, Setting
from benchmark.training.acceleration.capture_check import captured_views_of, demand_capturable
from benchmark.training.capture import GraphPool
from benchmark.training.environment import has_native_bfloat16
from benchmark.training.live_model import Recipe
from benchmark.training.training_job import TrainingJob


def setting_of(
    job: TrainingJob, image_shape: tuple[int, int, int], steps_per_epoch: int, batch_size: int | None = None
) -> Setting:
    """Return what the benchmark tells a method about a job's task.

    Args:
        job: the task.
        image_shape: (channels, height, width).
        steps_per_epoch: updates per pass over the training images.
        batch_size: images per update where a trial uses fewer than the job.
    """
    return Setting(
        dataset=job.dataset, image_shape=image_shape, flip=job.flip, num_classes=job.num_classes,
        feature_dim=feature_dim(job.encoder), batch_size=batch_size or job.batch_size, steps_per_epoch=steps_per_epoch,
        total_steps=job.total_steps, hyperparameters=job.hyperparameters,
    )  # fmt: skip


def recipe_of(job: TrainingJob, method: type[Method], setting: Setting, batches: Batches) -> Recipe:
    """Decide how the models of a job are trained on its device.

    Args:
        job: the task and the device.
        method: the submission's class.
        setting: what the method is told.
        batches: images on which capturing is tried.

    Raises:
        ValueError: the submission says that it is capturable, and is not.
    """
    device = torch.device(job.device)
    recipe = Recipe(
        job.encoder, method, setting, job.seed, device, job.finetune_rate,
        in_bfloat16=job.precision == "bfloat16" and has_native_bfloat16(device),
        graph_pool=GraphPool(device) if job.capturable and device.type == "cuda" else None,
        is_compiled=job.is_compiled, root=job.root,
    )  # fmt: skip
    if device.type == "cuda":
        recipe = replace(recipe, captured_views=captured_views_of(recipe, batches))
    if recipe.graph_pool is not None:
        demand_capturable(recipe, batches)
    return recipe
