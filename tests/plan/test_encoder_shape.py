"""What a plan works out of an encoder is what the encoder that is built has."""

from __future__ import annotations

import pytest

from benchmark import encoder
from benchmark.plan.encoder_shape import flops_per_view, layer_sizes
from benchmark.spec import EncoderSpec, ResNet18, SmallResNet, WideResNet16x2

ENCODERS = (SmallResNet(name="resnet8", width=2), SmallResNet(name="resnet8", width=16), ResNet18(name="resnet18"),
            WideResNet16x2(name="wrn-16-2"))  # fmt: skip


@pytest.mark.parametrize("spec", ENCODERS, ids=str)
@pytest.mark.parametrize("image_shape", [(1, 8, 8), (3, 15, 17), (3, 32, 32)])
def test_layers_and_operations_are_those_of_the_encoder_that_is_built(
    spec: EncoderSpec, image_shape: tuple[int, int, int]
) -> None:
    assert layer_sizes(spec, image_shape[0]) == encoder.layer_sizes(spec, image_shape[0])
    assert flops_per_view(spec, image_shape) == encoder.flops_per_view(spec, image_shape)
