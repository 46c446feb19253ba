"""Which views may be replayed: those that draw nothing on the host. Replays themselves are tested on a GPU."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmark.method.contract import Method
from benchmark.training.acceleration.capture_check import views_drawn_on_the_device
from tests.training.tiny import batches_of, recipe_of


class Inverted(Method):
    """Draws nothing."""

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Invert."""
        return 1 - images_BCHW[None]


class DrawnByPython(Method):
    """Draws in one update of three, as an augmentation with a probability for the whole batch does."""

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Darken."""
        return images_BCHW[None] * (random.uniform(0.5, 1) if self.training and random.getrandbits(1) else 1)


class DrawnByNumpy(Method):
    """Draws from numpy's global generator."""

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Darken."""
        return images_BCHW[None] * float(np.random.uniform(0.5, 1))  # noqa: NPY002 - what submissions do


class DrawnByTorchOnTheHost(Method):
    """Draws on the host, as kornia's modules do."""

    def views(self, images_BCHW: Tensor) -> Tensor:
        """Darken."""
        return images_BCHW[None] * torch.rand(len(images_BCHW))[:, None, None, None].to(images_BCHW.device)


def test_views_that_draw_nothing_on_the_host_may_be_replayed() -> None:
    views = views_drawn_on_the_device(recipe_of(Inverted), batches_of())
    assert views is not None
    assert torch.equal(views[2], 1 - batches_of().at(2).images_BCHW[None])


@pytest.mark.parametrize("method", [DrawnByPython, DrawnByNumpy, DrawnByTorchOnTheHost])
def test_views_that_draw_on_the_host_are_never_replayed(method: type[Method]) -> None:
    assert views_drawn_on_the_device(recipe_of(method), batches_of()) is None
