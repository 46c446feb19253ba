"""Rewinding and fine-tuning, against loops written out by hand from the papers' descriptions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
import torch

from benchmark.data.streams import enter_stream
from benchmark.encoder import layer_sizes
from benchmark.plan import Segment, compile_events
from benchmark.pruning.criteria import magnitude_scores, prune
from benchmark.spec import Iterative
from benchmark.training.live_model import LiveModel, Recipe
from benchmark.training.state import TrainState, load_state, save_state

from .methods import Adaptive, Restless, Taught
from .tiny import (
    CPU,
    DENSE,
    EARLY,
    ENCODER,
    TOTAL_STEPS,
    Events,
    Memory,
    batches_of,
    differences,
    recipe_of,
    state_after,
    sweep,
    trained,
    tree,
    without_leaves,
)  # fmt: skip

RUNGS = ("0.5", "0.8", "0.95")


def iterative(rewind: Literal["none", "learning_rate", "weights"], rewind_to: str, rungs: int = 3) -> Events:
    schedule = Iterative(
        name="imp", kind="iterative", begin=Decimal("0.25"), end=Decimal("0.75"), ladder=tuple(map(Decimal, RUNGS)),
        rewind=rewind, rewind_to=Decimal(rewind_to),
    )  # fmt: skip
    return compile_events(schedule, Decimal(RUNGS[rungs - 1]), TOTAL_STEPS, layer_sizes(ENCODER, 1))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def update(model: LiveModel) -> None:
    """Make the update that follows, as the sweep would."""
    batches = batches_of(model.recipe.seed)
    batch = batches.at(model.step)
    enter_stream(model.recipe.seed, "views", model.step)
    with torch.no_grad():
        views_VBCHW = model.method.views(batch.images_BCHW)
    model.update(views_VBCHW, batch.labels_B)


def by_hand(recipe: Recipe, run: Events) -> TrainState:
    """Train, prune by today's magnitude, go back to the kept state with the new mask, train on: round by round."""
    model, kept = LiveModel(recipe), None
    events = {event.step: event for event in run}
    for step in range(TOTAL_STEPS):
        if step == run[0].rewind_to:
            kept = model.snapshot()
        if (event := events.get(step)) is not None:
            mask = prune(model.mask, magnitude_scores(model.prunable), event.num_pruned, "global")
            pruned = model.snapshot()
            if event.rewind == "weights":
                assert kept is not None
                pruned = kept
            logical_step = step if event.rewind is None else event.rewind_to
            if event.rewind == "learning_rate" or logical_step is None:
                logical_step = event.rewind_to
            assert logical_step is not None
            model = LiveModel(recipe, dataclasses.replace(pruned, mask=mask, step=step, logical_step=logical_step))
            for name, parameter in model.prunable.items():
                for moment in model.optimizer.state.get(parameter, {}).values():
                    if isinstance(moment, torch.Tensor) and moment.shape == parameter.shape:
                        moment[~mask.kept[name]] = 0
        update(model)
    return model.snapshot()


@pytest.mark.parametrize("method", [Restless, Taught, Adaptive])
@pytest.mark.parametrize("rewind_to", ["0", "0.125", "0.25"])
def test_weights_return_to_the_kept_state_under_the_new_mask(method: type[Restless], rewind_to: str) -> None:
    run = iterative("weights", rewind_to)
    recipe = recipe_of(method)
    memory = trained(recipe, tree(DENSE, run))
    assert not memory.errors, next(iter(memory.errors.values()))
    ends = [segment.key for segment in tree(DENSE, run) if segment.is_leaf and segment.events]
    assert differences(memory.finished_states[ends[0]], by_hand(recipe, run)) == []


def test_learning_rate_rewinding_keeps_the_weights_and_moves_the_logical_step() -> None:
    recipe, run = recipe_of(Restless), iterative("learning_rate", "0.125")
    state = state_after(recipe, run)
    assert differences(state, by_hand(recipe, run)) == []
    assert state.step == TOTAL_STEPS
    assert state.logical_step == TOTAL_STEPS - run[-1].step + 3


def test_runs_that_share_a_ladder_have_the_same_bits_together_and_apart() -> None:
    recipe = recipe_of(Restless)
    runs = [iterative("weights", "0.125", rungs) for rungs in (1, 2, 3)]
    together = trained(recipe, tree(DENSE, EARLY, *runs))
    for run in runs:
        alone = trained(recipe, tree(run))
        [leaf] = [segment.key for segment in tree(run) if segment.is_leaf]
        assert differences(alone.finished_states[leaf], together.finished_states[leaf]) == []


def test_a_resumed_run_takes_the_kept_state_from_the_store(tmp_path: Path) -> None:
    recipe, run = recipe_of(Restless), iterative("weights", "0.125")
    whole = trained(recipe, without_leaves(tree(DENSE, run)))
    for key, state in whole.finished_states.items():
        (tmp_path / key).mkdir()
        save_state(state, tmp_path / key)

    def load_parent(key: str) -> TrainState:
        return load_state(tmp_path / key, CPU)

    pruned: list[Segment] = [segment for segment in tree(DENSE, run) if segment.events]
    memory = Memory()
    sweep(recipe, pruned, memory, load_parent)
    assert not memory.errors, next(iter(memory.errors.values()))
    assert differences(memory.finished_states[pruned[-1].key], whole.finished_states[pruned[-1].key]) == []


def test_after_the_budget_every_group_learns_at_the_constant_rate() -> None:
    setting = dataclasses.replace(recipe_of(Restless).setting, total_steps=TOTAL_STEPS // 2)
    recipe = dataclasses.replace(recipe_of(Restless), setting=setting, finetune_rate=0.003)
    model = LiveModel(recipe)
    rates: list[float] = []
    for _ in range(TOTAL_STEPS):
        update(model)
        rates.append(model.optimizer.param_groups[0]["lr"])
    base, half = model.base_rates[0], TOTAL_STEPS // 2
    assert rates[:half] == [base * model.method.learning_rate(step) for step in range(half)]
    assert rates[half:] == [0.003] * half
