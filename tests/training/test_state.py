"""The state's files: every bit comes back, and nothing but tensors and plain values is ever unpickled."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmark.method.contract import Method
from benchmark.pruning.mask import Mask
from benchmark.training.state import TrainState, load_state, save_state
from benchmark.training.state_files import ENCODER_FILE, MASK_FILE, METHOD_FILE

from .methods import Adaptive, Restless, Taught
from .tiny import CPU, EARLY, differences, recipe_of, state_after


@pytest.mark.parametrize("method", [Restless, Adaptive, Taught])
def test_every_bit_of_a_trained_and_pruned_state_comes_back(method: type[Method], tmp_path: Path) -> None:
    state = state_after(recipe_of(method), EARLY)
    save_state(state, tmp_path)
    assert differences(load_state(tmp_path, CPU), state) == []
    assert state.optimizer["state"], "an optimizer without state would prove nothing"


def odd_state() -> TrainState:
    weight = torch.tensor([[float("nan"), -0.0], [float("inf"), 1e-45]])
    return TrainState(
        step=7, logical_step=3,
        encoder={"weight": weight.t(), "steps_seen": torch.tensor(2**40)},
        mask=Mask({"weight": torch.tensor([[True, False], [True, True]]).t()}),
        method={"queue": weight.to(torch.float64), "_extra_state": {"history": [1.5, None], "name": "x"}},
        optimizer={"state": {0: {"step": torch.tensor(4.0)}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99)}]},
    )  # fmt: skip


def test_nan_minus_zero_infinity_odd_strides_and_plain_values_come_back(tmp_path: Path) -> None:
    save_state(odd_state(), tmp_path)
    assert differences(load_state(tmp_path, CPU), odd_state()) == []


def test_weights_and_masks_are_plain_safetensors_for_whoever_scores_them(tmp_path: Path) -> None:
    save_state(odd_state(), tmp_path, resumable=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [ENCODER_FILE, MASK_FILE]
    encoder, mask = load_file(tmp_path / ENCODER_FILE), load_file(tmp_path / MASK_FILE)
    assert encoder["weight"].view(torch.int32).tolist() == odd_state().encoder["weight"].view(torch.int32).tolist()
    assert mask["weight"].tolist() == [[True, True], [False, True]]


def test_a_state_saved_without_its_method_cannot_be_continued(tmp_path: Path) -> None:
    save_state(odd_state(), tmp_path, resumable=False)
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path, CPU)


class Trap:
    """Runs code of its own choice when it is unpickled without care."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.marker,)


def test_code_in_a_blob_does_not_run(tmp_path: Path) -> None:
    save_state(odd_state(), tmp_path)
    marker = tmp_path / "ran"
    torch.save({"step": 0, "logical_step": 0, "method": Trap(marker), "optimizer": {}}, tmp_path / METHOD_FILE)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        load_state(tmp_path, CPU)
    assert not marker.exists()


def test_a_mask_that_holds_numbers_is_refused(tmp_path: Path) -> None:
    save_state(odd_state(), tmp_path)
    save_file({"weight": torch.ones(2, 2)}, tmp_path / MASK_FILE)
    with pytest.raises(ValueError, match="expected dtype bool"):
        load_state(tmp_path, CPU)
