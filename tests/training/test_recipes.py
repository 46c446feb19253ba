"""What a job's device decides: capture, compilation and how a promise is compared; what needs no GPU to be tested."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.spec import EncoderSpec, ResNet18, SmallResNet, WideResNet16x2
from benchmark.training import environment
from benchmark.training.acceleration import compilation
from benchmark.training.acceleration.capture import cannot_be_captured
from benchmark.training.acceleration.capture_check import equal_bit_for_bit
from benchmark.training.acceleration.compilation import is_worth_compiling
from benchmark.training.environment import compiler, describe_environment
from benchmark.training.recipes import recipe_of, setting_of
from benchmark.training.training_job import TrainingJob

from .methods import Supervised
from .tiny import BATCH_SIZE, CPU, ENCODER, NUM_CLASSES, STEPS_PER_EPOCH, TOTAL_STEPS, batches_of

GPU = torch.device("cuda")


def job(encoder: EncoderSpec = ENCODER, *, batch_size: int = BATCH_SIZE, total_steps: int = TOTAL_STEPS) -> TrainingJob:
    return TrainingJob(
        root="root", seed=0, encoder=encoder, dataset="tiny", flip=False, num_classes=NUM_CLASSES,
        batch_size=batch_size, total_steps=total_steps, hyperparameters={"learning_rate": 0.1, "weight_decay": 0.0},
        capturable=True, device="cpu", segments=(), checkpoint_interval=1, checkpoint_every_s=60,
    )  # fmt: skip


def test_on_a_processor_nothing_is_captured_or_compiled_whatever_is_promised() -> None:
    recipe = recipe_of(job(), Supervised, setting_of(job(), (1, 8, 8), STEPS_PER_EPOCH), batches_of())
    assert recipe.graph_pool is None
    assert not recipe.is_compiled
    assert not recipe.in_bfloat16
    assert (recipe.setting.batch_size, recipe.setting.total_steps) == (BATCH_SIZE, TOTAL_STEPS)


@pytest.mark.parametrize(
    ("encoder", "side", "batch_size", "total_steps", "expected"),
    [
        (ResNet18(name="resnet18"), 32, 512, 200 * 97, True),  # cifar10
        (ResNet18(name="resnet18"), 32, 512, 100 * 97, False),
        (WideResNet16x2(name="wrn-16-2"), 32, 256, 200 * 195, False),  # corti2022
        (SmallResNet(name="resnet8", width=16), 16, 128, 780, False),  # cifar10-mini
    ],
)
def test_an_encoder_is_compiled_where_one_run_is_long_enough(
    encoder: EncoderSpec, side: int, batch_size: int, total_steps: int, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "compiler", lambda device: "triton 0" if device == GPU else None)
    asked = job(encoder, batch_size=batch_size, total_steps=total_steps)
    assert is_worth_compiling(asked, (3, side, side), GPU) is expected
    assert not is_worth_compiling(asked, (3, side, side), CPU)


def test_a_compiler_is_part_of_the_environment_of_a_gpu_alone_and_only_where_it_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(environment.sysconfig, "get_paths", lambda scheme: {"include": str(tmp_path)})
    monkeypatch.setattr(environment.os, "statvfs", lambda folder: SimpleNamespace(f_flag=0))
    monkeypatch.setattr(environment, "version", lambda name: "9.9")
    assert compiler(GPU) == "triton 9.9"
    assert compiler(CPU) is None
    assert "compiler" not in describe_environment(CPU)
    monkeypatch.setattr(environment.os, "statvfs", lambda folder: SimpleNamespace(f_flag=os.ST_NOEXEC))
    assert compiler(GPU) is None  # what Triton builds could not be loaded
    monkeypatch.setattr(environment.os, "statvfs", lambda folder: SimpleNamespace(f_flag=0))
    (tmp_path / "Python.h").unlink()
    assert compiler(GPU) is None
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    assert compiler(GPU) is None


VALUES: list[Any] = [
    torch.zeros(2), torch.zeros(3), torch.tensor([0.0, 1.0]), 0, 1, "0", (torch.zeros(2), 1), [torch.zeros(2), 2],
    {"a": torch.zeros(2)}, {"b": torch.zeros(2)}, {"a": {"deep": [torch.ones(1)]}}, {"a": {"deep": [torch.zeros(1)]}},
]  # fmt: skip


def test_states_are_the_same_only_where_everything_in_them_is() -> None:
    for position, value in enumerate(VALUES):
        equal = [equal_bit_for_bit(value, other) for other in VALUES]
        assert equal == [position == other for other in range(len(VALUES))]
    assert not equal_bit_for_bit({"a": 1, "b": 2}, {"a": 1})
    assert not equal_bit_for_bit([1], [1, 2])
    assert equal_bit_for_bit({"history": [math.nan, np.arange(3)]}, {"history": [math.nan, np.arange(3)]})
    assert not equal_bit_for_bit(torch.tensor([1.0]), 1.0)
    assert not equal_bit_for_bit(torch.tensor([math.nan]), torch.tensor([0.0]))
    assert equal_bit_for_bit(torch.tensor(math.nan), torch.tensor(math.nan))
    assert not equal_bit_for_bit(torch.tensor([0.0]), torch.tensor([-0.0]))
    assert not equal_bit_for_bit(torch.zeros(2, dtype=torch.int32), torch.zeros(2))
    assert not equal_bit_for_bit(torch.zeros(2, 2), torch.zeros(4))


def test_what_cannot_be_captured_is_said_on_one_line_that_ends_with_what_came() -> None:
    error = RuntimeError("CUDA error: operation not permitted\nSearch for it\nCompile with `TORCH_USE_CUDA_DSA`\n")
    said = cannot_be_captured(error)
    assert said.startswith("capturable: expected a loss that queues work on the device and never waits for it, got")
    assert said.endswith("RuntimeError: CUDA error: operation not permitted")
