"""The promise that a submission is `capturable`, put to the test before anything is trained by it.

What a capture cannot see - Python that decides differently at another update, numbers drawn on the CPU, tensors that
are replaced instead of changed - shows as other bits after a few updates beside those of a model that is not captured.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmark.data.batches import Batches
from benchmark.plan.events import PruneEvent
from benchmark.training.acceleration.prefetch import ViewMaker
from benchmark.training.live_model import LiveModel, Recipe
from benchmark.training.state import TrainState

NUM_UPDATES = 6
"""Updates of the test: three dense ones, of which two are replayed, and as many after half of the weights are gone."""


def demand_kept_promise(recipe: Recipe, batches: Batches) -> None:
    """Make a few updates of a captured model and of one that is not.

    Args:
        recipe: builds captured models.
        batches: what they are trained on.

    Raises:
        ValueError: they differ in a bit, or the loss cannot be captured.
    """
    # The plain one first, and gone before the other: libraries that set themselves up cannot be captured.
    theirs = _after_updates(replace(recipe, graph_pool=None), batches)
    torch.cuda.empty_cache()
    ours = _after_updates(recipe, batches)
    for name in ("encoder", "method", "optimizer"):
        if not same(getattr(ours, name), getattr(theirs, name)):
            raise ValueError(
                f"capturable: expected the same bits whether updates are replayed or made anew, got another {name} "
                f"after {NUM_UPDATES} updates; a captured loss draws on the device, changes tensors in place and does "
                "the same at every update: mend it, or take `capturable` out of submission.yaml"
            )


def _after_updates(recipe: Recipe, batches: Batches) -> TrainState:
    model, maker = LiveModel(recipe), ViewMaker(batches)
    for step in range(NUM_UPDATES):
        if step == NUM_UPDATES // 2:
            _prune_half(model)
        model.update(*maker.views(model.method, step))
    return model.snapshot()


def _prune_half(model: LiveModel) -> None:
    half = sum(weight.numel() for weight in model.prunable.values()) // 2
    model.prune(PruneEvent(step=model.step, num_pruned=(half,), allocation="global", criterion="magnitude"))


def same(ours: Any, theirs: Any) -> bool:
    """Whether two states are equal to the last bit: tensors, plain values, and what holds them."""
    if isinstance(ours, Tensor) and isinstance(theirs, Tensor):
        alike = (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        return alike and torch.equal(_bits(ours), _bits(theirs))
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in ours)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))  # pyright: ignore[reportUnknownArgumentType]
    return type(ours) is type(theirs) and pickle.dumps(ours) == pickle.dumps(theirs)  # NaN equals itself, as in tensors


def _bits(tensor: Tensor) -> Tensor:
    """Give a tensor's bytes, so that what has diverged equals itself."""
    return tensor.detach().reshape(-1).contiguous().view(torch.uint8)
