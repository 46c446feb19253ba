"""An encoder is compiled only where its run is long enough, and only on a GPU that has a compiler."""

from __future__ import annotations

import pytest
import torch

from benchmark.spec import EncoderSpec, ResNet18, SmallResNet, WideResNet16x2
from benchmark.training.acceleration import compilation
from benchmark.training.acceleration.compilation import is_worth_compiling
from tests.training.tiny import CPU, job_without_segments

GPU = torch.device("cuda")


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
    asked = job_without_segments(encoder, batch_size=batch_size, total_steps=total_steps)
    assert is_worth_compiling(asked, (3, side, side), GPU) is expected
    assert not is_worth_compiling(asked, (3, side, side), CPU)
