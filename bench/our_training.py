"""The benchmark's own training, without its processes and files: what is timed beside the naive peer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.peer import Budget
from benchmark.data.batches import Batches
from benchmark.encoder import feature_dim
from benchmark.method.contract import Method, Setting
from benchmark.method.loading import load_method_class
from benchmark.spec import SmallResNet
from benchmark.training.acceleration.capture_check import captured_views_of, demand_capturable
from benchmark.training.acceleration.prefetch import ViewPrefetcher
from benchmark.training.capture import GraphPool
from benchmark.training.live_model import LiveModel, Recipe

SIMCLR = Path(__file__).resolve().parents[1] / "submissions" / "simclr"
HYPERPARAMETERS = {
    "learning_rate": 0.3, "weight_decay": 1.0e-4, "temperature": 0.5, "projection_dim": 32, "augmentation": 0.5
}  # fmt: skip


def random_images(count: int, channels: int, size: int) -> NDArray[np.uint8]:
    """Draw uint8 images (count, channels, size, size)."""
    return np.random.default_rng(0).integers(0, 256, (count, channels, size, size), dtype=np.uint8)


class OurRun:
    """Models in training as a trainer trains them: siblings, which see the same augmented batches."""

    def __init__(
        self, images: NDArray[np.uint8], budget: Budget, *, in_bfloat16: bool = False, siblings: int = 1,
        device: str = "cpu", captured: bool = False, compiled: bool = False,
    ) -> None:  # fmt: skip
        self.batches = Batches(torch.from_numpy(images).to(device), None, budget.batch_size, seed=0)
        self.steps = self.batches.steps_per_epoch
        channels, height, width = images.shape[1:]
        setting = Setting(
            dataset="bench", image_shape=(channels, height, width), flip=channels == 3, num_classes=None,
            feature_dim=feature_dim(budget.encoder), batch_size=budget.batch_size, steps_per_epoch=self.steps,
            total_steps=budget.epochs * self.steps, hyperparameters=HYPERPARAMETERS,
        )  # fmt: skip
        recipe = Recipe(
            budget.encoder, self.method(), setting, 0, torch.device(device), in_bfloat16=in_bfloat16,
            graph_pool=GraphPool(torch.device(device)) if captured else None, is_compiled=compiled,
        )  # fmt: skip
        if captured:
            recipe = replace(recipe, captured_views=captured_views_of(recipe, self.batches))
            demand_capturable(recipe, self.batches)
        self.models = [LiveModel(recipe) for _ in range(siblings)]
        self._prefetcher = ViewPrefetcher(self.batches, recipe.captured_views)

    def method(self) -> type[Method]:
        """Load SimCLR."""
        return load_method_class(SIMCLR)

    def epoch(self) -> None:
        """Train every sibling one pass over the images."""
        for step in range(self.steps):
            views_VBCHW, _ = self._prefetcher.views(self.models[0].method, step)
            for model in self.models:
                model.update(views_VBCHW.clone(), None)
        if self.batches.images.is_cuda:
            torch.cuda.synchronize()


class WithoutAugmentation(OurRun):
    """The same, each image twice as it is: no augmentation could be faster."""

    def method(self) -> type[Method]:
        """Return a SimCLR that repeats its images."""

        class Bare(super().method()):
            def views(self, images_BCHW: Tensor) -> Tensor:
                return images_BCHW.repeat(2, 1, 1, 1, 1)

        return Bare


def small(width: int) -> SmallResNet:
    """Return the small encoder at a width."""
    return SmallResNet(name="resnet8", width=width)
