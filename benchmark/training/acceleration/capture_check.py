"""What of a submission may be captured, tried before anything is trained: its claim to be `capturable`, and its views.

A CUDA graph repeats what was queued when it was captured. It misses Python that decides differently at another update,
numbers drawn on the CPU, and tensors that are replaced instead of changed. Each of these shows as different bits after
a few updates, when a captured model is compared with one that is not.

Nothing is claimed of views, because most are the standard augmentation. They are captured where that changes no bit and
they leave the host's generators alone, and made by Python at every update where it does.
"""

from __future__ import annotations

import logging
import pickle
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.data.batches import Batches
from benchmark.data.streams import enter_stream
from benchmark.plan.events import PruneEvent
from benchmark.training.acceleration.prefetch import ViewPrefetcher
from benchmark.training.capture import CapturedViews
from benchmark.training.live_model import LiveModel, Recipe
from benchmark.training.state import TrainState

logger = logging.getLogger(__name__)

NUM_UPDATES = 6
"""Updates of the test: three dense ones, of which two are replayed, and three after half of the weights are pruned."""


def demand_capturable(recipe: Recipe, batches: Batches) -> None:
    """Make the same few updates of a captured model and of one that is not, and compare every bit of their states.

    Args:
        recipe: builds captured models.
        batches: images to train on.

    Raises:
        ValueError: the two states differ, or the loss cannot be captured.
    """
    # The plain model is trained first, because libraries set themselves up on first use, which cannot be captured; it
    # is gone before the other is built, which may need its memory.
    plain = _state_after_updates(replace(recipe, graph_pool=None), batches)
    torch.cuda.empty_cache()
    captured = _state_after_updates(recipe, batches)
    for name in ("encoder", "method", "optimizer"):
        if not equal_bit_for_bit(getattr(captured, name), getattr(plain, name)):
            raise ValueError(
                f"capturable: expected the same bits whether updates are replayed or made anew, got another {name} "
                f"after {NUM_UPDATES} updates; a captured loss draws on the device, changes tensors in place and does "
                "the same at every update: mend it, or take `capturable` out of submission.yaml"
            )


def _state_after_updates(recipe: Recipe, batches: Batches) -> TrainState:
    model, prefetcher = LiveModel(recipe), ViewPrefetcher(batches, recipe.captured_views)
    for step in range(NUM_UPDATES):
        if step == NUM_UPDATES // 2:
            half = (model.num_prunable // 2,)
            model.prune(PruneEvent(step=step, num_pruned=half, allocation="global", criterion="magnitude"))
        model.update(*prefetcher.views(model.method, step))
    return model.snapshot()


def captured_views_of(recipe: Recipe, batches: Batches) -> CapturedViews | None:
    """Return a graph that replays a submission's views with the bits of plain calls, or None if there is none.

    Args:
        recipe: builds the method on a GPU.
        batches: images to make views of.
    """
    try:
        plain = views_drawn_on_the_device(recipe, batches)
        captured = None if plain is None else CapturedViews(recipe.device)
        if equal_bit_for_bit(plain, _views_of_steps(recipe, batches, captured)):
            return captured
        logger.info("views are made by Python at every update: replayed, they have other bits")
    except Exception as error:  # a submission may raise anything; training says where
        logger.info("views are made by Python at every update: %s: %s", type(error).__name__, error)
    return None


def views_drawn_on_the_device(recipe: Recipe, batches: Batches) -> list[Tensor] | None:
    """Return the views of the first updates, or None if they draw random numbers on the host, which no graph repeats.

    Args:
        recipe: builds the method.
        batches: images to make views of; on a CPU, torch's own draws are draws on the host.
    """
    method, prefetcher, made = LiveModel(recipe).method, ViewPrefetcher(batches), list[Tensor]()
    for step in range(NUM_UPDATES):
        made.append(prefetcher.views(method, step)[0])
        after = _host_generators()
        enter_stream(batches.seed, "views", step)
        if not equal_bit_for_bit(after, _host_generators()):
            logger.info("views are made by Python at every update: they draw random numbers on the host")
            return None
    return made


def _views_of_steps(recipe: Recipe, batches: Batches, captured: CapturedViews | None) -> list[Tensor] | None:
    if captured is None:
        return None
    method, prefetcher = LiveModel(recipe).method, ViewPrefetcher(batches, captured)
    return [prefetcher.views(method, step)[0] for step in range(NUM_UPDATES)]


def _host_generators() -> list[Any]:
    """Return the states of the generators that `enter_stream` sets and that are not on a GPU."""
    _, numbers, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 - submissions may draw from it
    return [torch.default_generator.get_state(), bytes(np.asarray(numbers)), rest, random.getstate()]


def equal_bit_for_bit(one: Any, other: Any) -> bool:
    """Return whether two parts of states are equal in every bit: tensors, plain values, and containers of these.

    NaN equals NaN of the same bits, and 0 differs from -0.
    """
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        alike = (one.dtype, one.shape) == (other.dtype, other.shape)
        return alike and torch.equal(_bytes(one), _bytes(other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal_bit_for_bit(one[name], other[name]) for name in one)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal_bit_for_bit, one, other))  # pyright: ignore[reportUnknownArgumentType]
    return type(one) is type(other) and pickle.dumps(one) == pickle.dumps(other)  # so that NaN equals itself


def _bytes(tensor: Tensor) -> Tensor:
    return tensor.detach().reshape(-1).contiguous().view(torch.uint8)
