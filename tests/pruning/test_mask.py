"""Masks: what they zero, even in a diverged network, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmark.pruning.mask import Mask

bits = st.lists(st.booleans(), min_size=6, max_size=6)


def mask_of(first: list[bool], second: list[bool] | None = None) -> Mask:
    layers = {"first": first} if second is None else {"first": first, "second": second}
    return Mask({name: torch.tensor(kept) for name, kept in layers.items()})


@given(bits, bits)
def test_the_number_of_pruned_weights_counts_every_layer(first: list[bool], second: list[bool]) -> None:
    assert mask_of(first, second).num_pruned == (first + second).count(False)


@given(bits)
def test_applied_to_a_diverged_network_masked_weights_are_zero_and_the_others_untouched(kept: list[bool]) -> None:
    """NaN times zero would stay NaN, and a negative weight times zero would be minus zero."""
    values = [float("nan"), float("inf"), -float("inf"), -1.5, 2.5, -0.0]
    weight = torch.tensor(values)
    mask_of(kept).apply({"first": weight})
    for value, original, lives in zip(weight, torch.tensor(values), kept, strict=True):
        expected = original if lives else torch.tensor(0.0)
        assert value.view(torch.int32) == expected.view(torch.int32)


def test_applying_keeps_the_memory_format_and_the_very_tensor() -> None:
    weight = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    channels_last = weight.clone(memory_format=torch.channels_last)
    before: Tensor = channels_last
    Mask({"weight": weight > 0}).apply({"weight": channels_last})
    assert channels_last is before
    assert channels_last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(channels_last, weight.clamp(min=0))


def test_the_dense_mask_keeps_everything() -> None:
    mask = Mask.dense({"weight": torch.zeros(3, 2)})
    assert (mask.num_pruned, mask.kept["weight"].shape, mask.kept["weight"].dtype) == (0, (3, 2), torch.bool)


def test_a_mask_of_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mask of 'weight': expected dtype bool, got torch\.float32"):
        Mask({"weight": torch.ones(2)})
