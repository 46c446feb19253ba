"""The encoders, owned by the benchmark: layers, named probe points, and the list of what may be pruned.

A submission decides how an encoder is trained, never what it is. Projection heads are the method's, masks `pruning`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmark.data.streams import enter_stream
from benchmark.spec import EncoderSpec, ResNet18, SmallResNet, WideResNet16x2


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a residual connection; a 1x1 convolution on the shortcut where the shape changes.

    Source:
        He et al. 2016 (arXiv 1512.03385), with the projection shortcut (option B).
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, H / stride, W / stride)."""
        residual = F.relu(self.norm1(self.conv1(maps)), inplace=True)
        return F.relu(self.norm2(self.conv2(residual)).add_(self.shortcut(maps)), inplace=True)


class PreActivationBlock(nn.Module):
    """Two 3x3 convolutions, each after norm and ReLU, with a residual connection.

    Where the shape changes, the 1x1 convolution on the shortcut also takes the maps after norm and ReLU.

    Source:
        He et al. 2016 (arXiv 1603.05027), in the form of Zagoruyko & Komodakis 2016 (arXiv 1605.07146).
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.shortcut: nn.Conv2d | None = None
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Conv2d(in_channels, channels, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, H / stride, W / stride)."""
        activated = F.relu(self.norm1(maps), inplace=True)
        residual = self.conv2(F.relu(self.norm2(self.conv1(activated)), inplace=True))
        return residual.add_(maps if self.shortcut is None else self.shortcut(activated))


class Gate(Protocol):
    """What an encoder asks before images pass through it; it may refuse by raising. Training sets one, scoring none."""

    def announce(self, num_images: int) -> None:
        """Hear of a call with so many images."""

    def enter(self, num_images: int) -> None:
        """Hear of a `forward`, which belongs to the call that was announced, if there is one."""

    def leave(self) -> None:
        """Hear of the end of a call."""


class Encoder(nn.Module):
    """An image encoder: a stem, named residual blocks in sequence, closing layers, global average pooling.

    Args:
        stem: first layers, applied to images.
        blocks: residual blocks by name, in order.
        feature_dim: D, the number of channels of the last block.
        closing: applied after the last block: norm and ReLU in pre-activation networks, by default nothing.
    """

    in_bfloat16 = False
    """Whether `forward` computes in bfloat16. Trainers may set it, scorers do not. Weights and features are float32."""

    memory_format = torch.channels_last
    """Layout of maps in memory. This one is the fastest, except for float32 on a GPU: there a scorer replaces it."""

    gate: Gate | None = None
    """What is asked before images pass. A deep copy has the gate's deep copy."""

    def __init__(
        self, stem: nn.Module, blocks: dict[str, nn.Module], feature_dim: int, closing: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleDict(blocks)
        self.closing = closing or nn.Identity()
        self.feature_dim = feature_dim

    def __call__(self, images: Tensor) -> Tensor:
        """Encode images in [0, 1], (B, channels, H, W), to features (B, D).

        The gate is asked here, because a compiled `forward` runs no Python.
        """
        gate = self.gate
        if gate is None:
            return super().__call__(images)
        gate.announce(len(images))
        try:
            return super().__call__(images)
        finally:
            gate.leave()

    def forward(self, images: Tensor) -> Tensor:
        """Encode images in [0, 1], (B, channels, H, W), to features (B, D)."""
        if not torch.compiler.is_compiling() and self.gate is not None:
            self.gate.enter(len(images))
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            maps = self.stem(images.contiguous(memory_format=self.memory_format))
            for block in self.blocks.values():
                maps = block(maps)
            maps = self.closing(maps)
        return maps.float().mean(dim=(2, 3))

    def probe_points(self, images: Tensor) -> dict[str, Tensor]:
        """Return the representation at every probe point, from `input` to `features`, in one forward pass.

        The input is flattened. Spatial maps are average-pooled to (B, channels). The last block after closing layers
        and pooling is the feature vector, so it appears once, as `features`.

        Args:
            images: float32 in [0, 1], (B, channels, H, W).

        Returns:
            Per probe point, in order, a float32 tensor (B, size of the point).
        """
        if self.gate is not None:
            self.gate.enter(len(images))
        maps = self.stem(images.contiguous(memory_format=self.memory_format))
        points = {"input": images.flatten(1), "stem": maps.mean(dim=(2, 3))}
        for name, block in self.blocks.items():
            maps = block(maps)
            points[name] = maps.mean(dim=(2, 3))
        del points[list(self.blocks)[-1]]
        points["features"] = self.closing(maps).mean(dim=(2, 3))
        return points


def prunable_names(encoder: nn.Module) -> tuple[str, ...]:
    """Return the names of the weights that may be pruned: those of convolutions and linear layers, in order.

    Biases, norms and projection heads are never pruned.
    """
    return tuple(
        f"{name}.weight" for name, module in encoder.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)
    )


def build_encoder(spec: EncoderSpec, in_channels: int, seed: int) -> Encoder:
    """Build an encoder with the initial weights of `seed`.

    Args:
        spec: which encoder.
        in_channels: channels of the images, 1 or 3.
        seed: the model's seed; weights are drawn from its `init` stream.

    Source:
        Initial weights of convolutions: He et al. 2015 (arXiv 1502.01852), normal, fan out, for ReLU.
    """
    enter_stream(seed, "init", 0)
    encoder = _build(spec, in_channels)
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return encoder


def encoder_without_weights(spec: EncoderSpec, in_channels: int) -> Encoder:
    """Build an encoder on the meta device: it has names, shapes and dtypes, takes no memory, and draws nothing."""
    with torch.device("meta"):
        return _build(spec, in_channels)


def layer_sizes(spec: EncoderSpec, in_channels: int) -> tuple[int, ...]:
    """Return the number of weights of every prunable layer, in the order of `prunable_names`."""
    with torch.device("meta"):
        encoder = _build(spec, in_channels)
    weights = dict(encoder.named_parameters())
    return tuple(weights[name].numel() for name in prunable_names(encoder))


def flops_per_view(spec: EncoderSpec, image_shape: tuple[int, int, int]) -> int:
    """Return the floating-point operations that one view costs, forward and backward; they are counted, not executed.

    Args:
        spec: which encoder.
        image_shape: (channels, height, width).
    """
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        encoder = _build(spec, image_shape[0]).eval()  # batch norm cannot train on one view; it counts for nothing here
        encoder.probe_points(torch.rand(1, *image_shape))["features"].sum().backward()
    return counter.get_total_flops()


def feature_dim(spec: EncoderSpec) -> int:
    """Return D, the size of an encoder's feature vectors."""
    return _widths(spec)[-1]


def _widths(spec: EncoderSpec) -> tuple[int, ...]:
    """Return the number of channels of every stage."""
    match spec:
        case SmallResNet():
            return (spec.width, 2 * spec.width, 4 * spec.width)
        case ResNet18():
            return (64, 128, 256, 512)
        case WideResNet16x2():
            return (32, 64, 128)


def _build(spec: EncoderSpec, in_channels: int) -> Encoder:
    widths = _widths(spec)
    if isinstance(spec, WideResNet16x2):
        stem = _convolution(in_channels, 16)
        blocks = dict(_stages(PreActivationBlock, 16, widths, num_blocks=2))
        return Encoder(stem, blocks, widths[-1], nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True)))
    stem = nn.Sequential(_convolution(in_channels, widths[0]), nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True))
    blocks = dict(_stages(BasicBlock, widths[0], widths, num_blocks=2 if isinstance(spec, ResNet18) else 1))
    return Encoder(stem, blocks, widths[-1])


def _convolution(in_channels: int, channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)


def _stages(
    block_type: type[BasicBlock | PreActivationBlock], in_channels: int, widths: tuple[int, ...], num_blocks: int
) -> Iterator[tuple[str, nn.Module]]:
    for stage, channels in enumerate(widths, start=1):
        for block in range(1, num_blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            yield f"stage{stage}_block{block}", block_type(in_channels, channels, stride)
            in_channels = channels
