"""Which weights go: exact counts, ties by position, nothing ever comes back, whatever happens to the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmark.pruning.criteria import magnitude_scores, prune, random_scores
from benchmark.pruning.mask import Mask

Weights = dict[str, Tensor]
Allocation = Literal["global", "layerwise"]

SHAPES = {"stem": (3, 1, 2, 2), "block": (2, 3, 2, 1), "head": (2, 4)}
SIZES = {"stem": 12, "block": 12, "head": 8}
NUM_WEIGHTS = 32

values = st.sampled_from([0.0, -0.0, 1e-45, 0.5, -0.5, 1.0, -1.0, 2.0, math.inf, -math.inf, math.nan])
"""So few values that ties are everywhere, the smallest positive float, and what a diverged network holds."""


@st.composite
def networks(draw: st.DrawFn) -> Weights:
    def one(shape: tuple[int, ...]) -> Tensor:
        size = math.prod(shape)
        return torch.tensor(draw(st.lists(values, min_size=size, max_size=size))).view(shape)

    return {name: one(shape) for name, shape in SHAPES.items()}


def pruned_positions(mask: Mask) -> set[tuple[int, int]]:
    """List masked weights as (layer, position in it)."""
    return {
        (layer, position)
        for layer, kept in enumerate(mask.kept.values())
        for position, lives in enumerate(kept.flatten().tolist())
        if not lives
    }


def naive_prune(
    pruned: set[tuple[int, int]], weights: Mapping[str, Tensor], num_pruned: tuple[int, ...], allocation: Allocation
) -> set[tuple[int, int]]:
    """Sort all weights as Python tuples: what is pruned first, then by size (NaN as nothing), then by position."""
    layers = [weight.flatten().tolist() for weight in weights.values()]

    def rank(layer: int, position: int) -> tuple[bool, float, int, int]:
        size = abs(layers[layer][position])
        return (layer, position) not in pruned, 0.0 if math.isnan(size) else size, layer, position

    everything = [(layer, position) for layer, each in enumerate(layers) for position in range(len(each))]
    if allocation == "global":
        return set(sorted(everything, key=lambda place: rank(*place))[: num_pruned[0]])
    chosen: set[tuple[int, int]] = set()
    for layer, count in enumerate(num_pruned):
        of_layer = [place for place in everything if place[0] == layer]
        chosen |= set(sorted(of_layer, key=lambda place: rank(*place))[:count])
    return chosen


@given(st.lists(st.tuples(networks(), st.integers(0, NUM_WEIGHTS)), min_size=1, max_size=4))
def test_global_pruning_is_a_sort_of_all_weights_event_after_event(events: list[tuple[Weights, int]]) -> None:
    """Weights are trained between events, so masked ones may have any value again, NaN included."""
    mask = Mask.dense(events[0][0])
    for (weights, _), count in zip(events, sorted(count for _, count in events), strict=True):
        expected = naive_prune(pruned_positions(mask), weights, (count,), "global")
        following = prune(mask, magnitude_scores(weights), (count,), "global")
        assert pruned_positions(following) == expected
        assert following.num_pruned == count
        assert pruned_positions(mask) <= pruned_positions(following)
        mask = following


@given(st.lists(st.tuples(networks(), st.tuples(*(st.integers(0, size) for size in SIZES.values()))), max_size=4))
def test_layerwise_pruning_is_a_sort_in_every_layer_for_itself(events: list[tuple[Weights, tuple[int, ...]]]) -> None:
    mask = Mask({name: torch.ones(shape, dtype=torch.bool) for name, shape in SHAPES.items()})
    counts = (0, 0, 0)
    for weights, drawn in events:
        counts = tuple(max(before, now) for before, now in zip(counts, drawn, strict=True))
        expected = naive_prune(pruned_positions(mask), weights, counts, "layerwise")
        following = prune(mask, magnitude_scores(weights), counts, "layerwise")
        assert pruned_positions(following) == expected
        assert tuple(int((~kept).sum()) for kept in following.kept.values()) == counts
        assert pruned_positions(mask) <= pruned_positions(following)
        mask = following


@given(networks(), st.integers(0, NUM_WEIGHTS))
def test_the_memory_format_of_weights_and_masks_decides_nothing(weights: Weights, count: int) -> None:
    channels_last = {
        name: weight.clone(memory_format=torch.channels_last) if weight.dim() == 4 else weight
        for name, weight in weights.items()
    }
    first = prune(Mask.dense(weights), magnitude_scores(weights), (count // 2,), "global")
    first_channels_last = prune(Mask.dense(channels_last), magnitude_scores(channels_last), (count // 2,), "global")
    second = prune(first, magnitude_scores(channels_last), (count,), "global")
    second_channels_last = prune(first_channels_last, magnitude_scores(weights), (count,), "global")
    assert pruned_positions(first) == pruned_positions(first_channels_last)
    assert pruned_positions(second) == pruned_positions(second_channels_last)


def test_all_weights_equal_are_pruned_in_order_of_position() -> None:
    weights = {name: torch.full(shape, -0.5) for name, shape in SHAPES.items()}
    mask = prune(Mask.dense(weights), magnitude_scores(weights), (14,), "global")
    assert pruned_positions(mask) == {(0, position) for position in range(12)} | {(1, 0), (1, 1)}


def test_two_of_ten_is_two_even_when_three_are_alike() -> None:
    """A threshold at the second smallest value would prune all three."""
    weights = {"weight": torch.tensor([1.0, 0.1, 2.0, 0.1, 3.0, 0.1, 4.0, 5.0, 6.0, 7.0])}
    mask = prune(Mask.dense(weights), magnitude_scores(weights), (2,), "global")
    assert pruned_positions(mask) == {(0, 1), (0, 3)}


def test_zeros_of_a_living_weight_do_not_bring_a_masked_one_back() -> None:
    """Ranked by size alone, masked weights tie with living zeros, and index order brings some back to life."""
    weights = {"weight": torch.tensor([0.0, 0.0, 0.0, 5.0])}
    masked = Mask({"weight": torch.tensor([True, True, False, True])})
    assert pruned_positions(prune(masked, magnitude_scores(weights), (2,), "global")) == {(0, 0), (0, 2)}


def test_nan_goes_before_the_smallest_number_and_infinity_last() -> None:
    weights = {"weight": torch.tensor([1e-45, math.nan, -math.inf, 3e38])}
    order = [pruned_positions(prune(Mask.dense(weights), magnitude_scores(weights), (n,), "global")) for n in range(5)]
    newcomers = [now - before for before, now in pairwise(order)]
    assert newcomers == [{(0, 1)}, {(0, 0)}, {(0, 3)}, {(0, 2)}]


@pytest.mark.parametrize(("counts", "allocation", "message"), [
    ((2,), "global", r"all layers together: expected a count of pruned weights in \[3, 5\], got 2"),
    ((6,), "global", r"all layers together: expected a count of pruned weights in \[3, 5\], got 6"),
    ((2, 0), "layerwise", r"b: expected a count of pruned weights in \[1, 3\], got 0"),
    ((2, 4), "layerwise", r"b: expected a count of pruned weights in \[1, 3\], got 4"),
])  # fmt: skip
def test_counts_that_cannot_be_reached_are_refused(
    counts: tuple[int, ...], allocation: Allocation, message: str
) -> None:
    mask = Mask({"a": torch.tensor([False, False]), "b": torch.tensor([True, False, True])})
    scores = {"a": torch.zeros(2), "b": torch.zeros(3)}
    with pytest.raises(ValueError, match=message):
        prune(mask, scores, counts, allocation)


def test_layers_in_another_order_are_refused() -> None:
    """Born from an incident: files sort names, and a resumed run applied layerwise counts to the wrong layers."""
    weights = {name: torch.zeros(shape) for name, shape in SHAPES.items()}
    from_a_file = Mask({name: torch.ones(SHAPES[name], dtype=torch.bool) for name in sorted(SHAPES)})
    with pytest.raises(ValueError, match="expected the layers of the mask in its order"):
        prune(from_a_file, magnitude_scores(weights), (1, 2, 3), "layerwise")


def test_scores_are_sizes_without_gradients() -> None:
    weights = {"weight": torch.tensor([-2.0, 1.0], requires_grad=True)}
    scores = magnitude_scores(weights)
    assert scores["weight"].tolist() == [2.0, 1.0]
    assert not scores["weight"].requires_grad


def random_mask(weights: Weights, seed: int, step: int, count: int, mask: Mask | None = None) -> Mask:
    return prune(mask or Mask.dense(weights), random_scores(weights, seed, step), (count,), "global")


@pytest.fixture
def weights() -> Weights:
    return {name: torch.arange(math.prod(shape), dtype=torch.float32).view(shape) for name, shape in SHAPES.items()}


def test_the_random_control_differs_by_seed_and_step_and_ignores_weights_and_global_state(weights: Weights) -> None:
    torch.manual_seed(1)
    first = pruned_positions(random_mask(weights, 0, 5, 16))
    torch.manual_seed(2)
    reversed_weights = {name: weight.flip(0) for name, weight in weights.items()}
    assert pruned_positions(random_mask(reversed_weights, 0, 5, 16)) == first
    assert pruned_positions(random_mask(weights, 1, 5, 16)) != first
    assert pruned_positions(random_mask(weights, 0, 6, 16)) != first


def test_the_random_control_draws_from_no_global_generator(weights: Weights) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    random_scores(weights, 0, 5)
    assert torch.equal(torch.get_rng_state(), before)


@given(st.integers(0, 1000), st.lists(st.integers(0, NUM_WEIGHTS), min_size=2, max_size=5))
def test_the_random_control_is_exact_and_nested_too(seed: int, counts: list[int]) -> None:
    weights = {name: torch.zeros(shape) for name, shape in SHAPES.items()}
    mask = Mask.dense(weights)
    for step, count in enumerate(sorted(counts)):
        following = random_mask(weights, seed, step, count, mask)
        assert following.num_pruned == count
        assert pruned_positions(mask) <= pruned_positions(following)
        mask = following


def test_the_random_control_prefers_no_position(weights: Weights) -> None:
    num_seeds = 400
    hits = torch.zeros(NUM_WEIGHTS)
    for seed in range(num_seeds):
        kept = random_mask(weights, seed, 0, NUM_WEIGHTS // 4).kept
        hits += ~torch.cat([layer.flatten() for layer in kept.values()])
    expected = num_seeds / 4
    chi_squared = float(((hits - expected) ** 2 / expected).sum()) / (1 - 1 / 4)
    assert chi_squared < 62  # 31 degrees of freedom, p = 0.001
