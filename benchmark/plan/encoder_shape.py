"""What a plan must know of an encoder - weights per layer, operations per image - worked out without building it.

`benchmark.encoder` builds encoders, which takes torch, and seconds to import; `tests/plan/test_encoder_shape.py` holds
both to the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmark.spec import EncoderSpec, ResNet18, SmallResNet, WideResNet16x2


@dataclass(frozen=True)
class _Convolution:
    """A convolution without bias, and how often its kernel is applied to one image."""

    in_channels: int
    channels: int
    kernel: int
    positions: int

    @property
    def num_weights(self) -> int:
        return self.in_channels * self.channels * self.kernel**2


def layer_sizes(spec: EncoderSpec, in_channels: int) -> tuple[int, ...]:
    """Return the number of weights of every prunable layer, in the encoder's order.

    Args:
        spec: which encoder.
        in_channels: channels of the images, 1 or 3.
    """
    return tuple(each.num_weights for each in _convolutions(spec, (in_channels, 1, 1)))


def flops_per_view(spec: EncoderSpec, image_shape: tuple[int, int, int]) -> int:
    """Return the floating-point operations that one view costs, forward and backward, in convolutions alone.

    A multiplication and an addition are two operations. Backward costs twice as much as forward, except in the first
    layer, whose input needs no gradient.

    Args:
        spec: which encoder.
        image_shape: (channels, height, width).
    """
    forward = [2 * each.num_weights * each.positions for each in _convolutions(spec, image_shape)]
    return 3 * sum(forward) - forward[0]


def _convolutions(spec: EncoderSpec, image_shape: tuple[int, int, int]) -> Iterator[_Convolution]:
    in_channels, height, width = image_shape
    widths, num_blocks = _stages(spec)
    channels = 16 if isinstance(spec, WideResNet16x2) else widths[0]
    yield _Convolution(in_channels, channels, 3, height * width)
    for stage, out_channels in enumerate(widths):
        for block in range(num_blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            height, width = -(-height // stride), -(-width // stride)
            yield _Convolution(channels, out_channels, 3, height * width)
            yield _Convolution(out_channels, out_channels, 3, height * width)
            if stride != 1 or channels != out_channels:
                yield _Convolution(channels, out_channels, 1, height * width)
            channels = out_channels


def _stages(spec: EncoderSpec) -> tuple[tuple[int, ...], int]:
    """Return the channels of every stage, and the number of blocks in each."""
    match spec:
        case SmallResNet():
            return (spec.width, 2 * spec.width, 4 * spec.width), 1
        case ResNet18():
            return (64, 128, 256, 512), 2
        case WideResNet16x2():
            return (32, 64, 128), 2
