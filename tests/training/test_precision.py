"""bfloat16: the encoder alone computes in it, weights stay float32, and states have the same bits however made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmark.encoder import build_encoder
from benchmark.training.state import save_state

from .methods import Restless, Taught
from .tiny import (
    ENCODER,
    RUNS,
    Memory,
    differences,
    leaf_key,
    load_from,
    recipe_of,
    state_after,
    sweep,
    trained,
    tree,
)

SOME_RUNS = ("dense", "early", "halfway, layerwise", "weights back to update 3")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_only_the_forward_of_the_encoder_is_in_bfloat16() -> None:
    encoder, seen = build_encoder(ENCODER, 1, 0), list[torch.dtype]()
    encoder.blocks["stage2_block1"].register_forward_hook(lambda module, inputs, maps: seen.append(maps.dtype))
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    exact = encoder(images)
    encoder.in_bfloat16 = True
    rounded = encoder(images)
    rounded.sum().backward()
    assert seen == [torch.float32, torch.bfloat16]
    assert rounded.dtype == torch.float32
    assert {p.dtype for p in encoder.parameters()} == {p.grad.dtype for p in encoder.parameters() if p.grad is not None}
    assert 0 < (rounded - exact).abs().max() < 0.05 * exact.abs().max()
    untouched = build_encoder(ENCODER, 1, 0)
    assert torch.equal(encoder.probe_points(images)["features"], untouched.probe_points(images)["features"])


@pytest.mark.parametrize("method", [Restless, Taught])
def test_the_tree_gives_the_bits_of_separate_runs_which_are_not_those_of_float32(method: type) -> None:
    recipe = replace(recipe_of(method), in_bfloat16=True)
    together = trained(recipe, tree(*(RUNS[name] for name in SOME_RUNS))).finished_states
    for name in SOME_RUNS:
        key = leaf_key(RUNS[name])
        assert differences(state_after(recipe, RUNS[name]), together[key]) == []
        assert differences(state_after(recipe_of(method), RUNS[name]), together[key]) != []
    assert {tensor.dtype for tensor in together[leaf_key(RUNS["dense"])].encoder.values()} == {
        torch.float32, torch.int64,
    }  # fmt: skip


def test_segments_resumed_from_files_give_the_same_bits(tmp_path: Path) -> None:
    recipe = replace(recipe_of(Restless), in_bfloat16=True)
    segments = tree(*(RUNS[name] for name in SOME_RUNS))
    together = trained(recipe, segments).finished_states
    for segment in segments:
        memory = Memory()
        sweep(recipe, [segment], memory, load_from(tmp_path))
        (tmp_path / segment.key).mkdir()
        save_state(memory.finished_states[segment.key], tmp_path / segment.key)
        assert differences(memory.finished_states[segment.key], together[segment.key]) == []
