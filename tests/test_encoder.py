"""The benchmark's encoder: its shape, its probe points, its first weights, and what of it may be pruned."""

from __future__ import annotations

import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.data.streams import enter_stream
from benchmark.datasets.torchvision_import import import_torchvision
from benchmark.encoder import Encoder, build_encoder, feature_dim, flops_per_view, layer_sizes, prunable_names
from benchmark.spec import EncoderSpec, ResNet18, SmallResNet, WideResNet16x2


def spec_of(width: int) -> SmallResNet:
    return SmallResNet(name="resnet8", width=width)


def images_of(channels: int, size: int) -> Tensor:
    return torch.rand((5, channels, size, size), generator=torch.Generator().manual_seed(0))


def naive_forward(encoder: Encoder, images_BCHW: Tensor) -> Tensor:
    """He et al. 2016, spelled out on the named weights: batch statistics, ReLU, identity or projection shortcuts."""
    weights = dict(encoder.named_parameters())

    def convolve(maps: Tensor, convolution: str, norm: str, stride: int, padding: int) -> Tensor:
        maps = F.conv2d(maps, weights[f"{convolution}.weight"], stride=stride, padding=padding)
        mean = maps.mean(dim=(0, 2, 3), keepdim=True)
        deviation = (maps.var(dim=(0, 2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
        scale, shift = weights[f"{norm}.weight"], weights[f"{norm}.bias"]
        return (maps - mean) / deviation * scale[:, None, None] + shift[:, None, None]

    maps = convolve(images_BCHW, "stem.0", "stem.1", 1, 1).relu()
    for stage, stride in ((1, 1), (2, 2), (3, 2)):
        block = f"blocks.stage{stage}_block1"
        residual = convolve(maps, f"{block}.conv1", f"{block}.norm1", stride, 1).relu()
        residual = convolve(residual, f"{block}.conv2", f"{block}.norm2", 1, 1)
        if stage > 1:
            maps = convolve(maps, f"{block}.shortcut.0", f"{block}.shortcut.1", stride, 0)
        maps = (residual + maps).relu()
    return maps.mean(dim=(2, 3))


@pytest.mark.parametrize(("width", "channels", "size"), [(2, 1, 8), (3, 3, 12), (8, 1, 9)])
def test_features_are_those_of_the_three_stage_residual_network(width: int, channels: int, size: int) -> None:
    encoder = build_encoder(spec_of(width), channels, seed=1).train()
    features_ND = encoder(images_of(channels, size))
    assert features_ND.shape == (5, feature_dim(spec_of(width))) == (5, 4 * width)
    torch.testing.assert_close(features_ND, naive_forward(encoder, images_of(channels, size)), atol=2e-5, rtol=1e-4)


def test_probe_points_run_from_the_input_to_the_features_in_one_pass() -> None:
    encoder = build_encoder(spec_of(4), 3, seed=0).eval()
    images_BCHW = images_of(3, 8)
    points = encoder.probe_points(images_BCHW)
    shapes = {name: tuple(point.shape) for name, point in points.items()}
    assert list(shapes.items()) == [
        ("input", (5, 192)), ("stem", (5, 4)), ("stage1_block1", (5, 4)), ("stage2_block1", (5, 8)),
        ("features", (5, 16)),
    ]  # fmt: skip
    assert torch.equal(points["input"], images_BCHW.flatten(1))
    assert torch.equal(points["features"], encoder(images_BCHW))


def test_prunable_are_all_convolutions_and_nothing_of_the_norms() -> None:
    encoder = build_encoder(spec_of(3), 1, seed=0)
    names = prunable_names(encoder)
    four_dimensional = [name for name, parameter in encoder.named_parameters() if parameter.dim() == 4]
    assert list(names) == four_dimensional
    assert len(names) == 1 + 3 * 2 + 2
    left_out = {name for name, _ in encoder.named_parameters()} - set(names)
    assert all("norm" in name or ".1." in name for name in left_out)


def test_linear_layers_are_prunable_but_their_biases_are_not() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Conv2d(1, 1, 1))
    assert prunable_names(network) == ("0.weight", "2.weight")


@pytest.mark.parametrize(("width", "channels", "total"), [(8, 1, 19144), (2, 1, 1210), (2, 3, 1246)])
def test_layer_sizes_count_the_weights_without_building_them(width: int, channels: int, total: int) -> None:
    encoder = build_encoder(spec_of(width), channels, seed=0)
    sizes = layer_sizes(spec_of(width), channels)
    assert sizes == tuple(encoder.get_parameter(name).numel() for name in prunable_names(encoder))
    assert sum(sizes) == total


def test_counting_layers_draws_no_random_numbers() -> None:
    enter_stream(0, "loss", 0)
    before = torch.get_rng_state()
    layer_sizes(spec_of(2), 1)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("side", [4, 8, 16])
@pytest.mark.parametrize("spec", [SmallResNet(name="resnet8", width=2), ResNet18(name="resnet18")])
def test_operations_of_a_view_are_those_of_its_convolutions_three_times_but_for_the_images(
    spec: EncoderSpec, side: int
) -> None:
    """Forward, for the weights, for the inputs: 2 x k x k x C_in x C_out per position; images need no gradient."""
    encoder = build_encoder(spec, 3, seed=0)
    forward: list[int] = []

    def count(module: nn.Module, inputs: tuple[Tensor, ...], maps: Tensor) -> None:
        forward.append(2 * module.get_parameter("weight").numel() * maps.shape[2] * maps.shape[3])

    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    encoder.eval()(torch.rand(1, 3, side, side))
    assert flops_per_view(spec, (3, side, side)) == 3 * sum(forward) - forward[0]


def test_first_weights_are_a_function_of_the_seed_alone() -> None:
    torch.manual_seed(0)
    one = build_encoder(spec_of(2), 1, seed=7).state_dict()
    torch.manual_seed(1)
    same, other = (build_encoder(spec_of(2), 1, seed=seed).state_dict() for seed in (7, 8))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one if one[name].dim() == 4)


def test_first_weights_are_he_normal_by_fan_out_and_norms_start_neutral() -> None:
    encoder = build_encoder(spec_of(32), 3, seed=0)
    for name, weight in encoder.named_parameters():
        if weight.dim() == 4:
            fan_out = weight.shape[0] * weight.shape[2] * weight.shape[3]
            z = weight.detach() / math.sqrt(2 / fan_out)
            assert abs(float(z.mean())) < 4 / math.sqrt(z.numel())
            assert abs(float(z.square().mean()) - 1) < 4 * math.sqrt(2 / z.numel())
        else:
            assert torch.all(weight == (1 if name.endswith("weight") else 0))


RESNET18, WRN = ResNet18(name="resnet18"), WideResNet16x2(name="wrn-16-2")


def residual_weights(in_channels: int, widths: tuple[int, ...], num_blocks: int) -> int:
    """Weights of stages of two 3 x 3 convolutions per block, with a 1 x 1 one wherever the width changes."""
    total = 0
    for width in widths:
        for _ in range(num_blocks):
            total += 9 * in_channels * width + 9 * width * width + (in_channels * width if in_channels != width else 0)
            in_channels = width
    return total


def test_wrn_16_2_has_the_688560_convolution_weights_of_the_study_and_128_features() -> None:
    by_hand = 3 * 16 * 9 + residual_weights(16, (32, 64, 128), num_blocks=2)
    assert sum(layer_sizes(WRN, 3)) == by_hand == 688_560
    assert len(layer_sizes(WRN, 3)) == 1 + 6 * 2 + 3
    encoder = build_encoder(WRN, 3, seed=0)
    # per block a norm of the width that comes in and one of the width that goes out; one more closes the network
    norms = 2 * (16 + 32 + 2 * 32 + 32 + 64 + 2 * 64 + 64 + 128 + 2 * 128 + 128)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == by_hand + norms
    assert encoder(images_of(3, 32)).shape == (5, 128) == (5, feature_dim(WRN))


def test_resnet18_has_the_published_number_of_parameters() -> None:
    by_hand = 3 * 64 * 9 + residual_weights(64, (64, 128, 256, 512), num_blocks=2)
    assert sum(layer_sizes(RESNET18, 3)) == by_hand == 11_159_232
    encoder = build_encoder(RESNET18, 3, seed=0)
    # 11,173,962 is the count that everybody quotes for CIFAR-10 (kuangliu/pytorch-cifar), its classifier included
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 11_173_962 - (512 * 10 + 10)
    assert feature_dim(RESNET18) == 512


def naive_wide_forward(encoder: Encoder, images_BCHW: Tensor) -> Tensor:
    """Zagoruyko & Komodakis 2016, figure 1(b), spelled out on the named weights, with batch statistics."""
    weights = dict(encoder.named_parameters())

    def activate(maps: Tensor, norm: str) -> Tensor:
        mean = maps.mean(dim=(0, 2, 3), keepdim=True)
        deviation = (maps.var(dim=(0, 2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()
        scale, shift = weights[f"{norm}.weight"], weights[f"{norm}.bias"]
        return ((maps - mean) / deviation * scale[:, None, None] + shift[:, None, None]).relu()

    maps = F.conv2d(images_BCHW, weights["stem.weight"], padding=1)
    for stage in (1, 2, 3):
        for block in (1, 2):
            name, stride = f"blocks.stage{stage}_block{block}", 2 if stage > 1 and block == 1 else 1
            activated = activate(maps, f"{name}.norm1")
            residual = F.conv2d(activated, weights[f"{name}.conv1.weight"], stride=stride, padding=1)
            residual = F.conv2d(activate(residual, f"{name}.norm2"), weights[f"{name}.conv2.weight"], padding=1)
            kept = F.conv2d(activated, weights[f"{name}.shortcut.weight"], stride=stride) if block == 1 else maps
            maps = residual + kept
    return activate(maps, "closing.0").mean(dim=(2, 3))


def test_wrn_features_are_those_of_the_pre_activation_network() -> None:
    encoder = build_encoder(WRN, 3, seed=1).train()
    for name, parameter in encoder.named_parameters():  # norms that do something
        if parameter.dim() == 1:
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name)))
    torch.testing.assert_close(
        encoder(images_of(3, 16)), naive_wide_forward(encoder, images_of(3, 16)), atol=2e-5, rtol=1e-4
    )


def test_resnet18_with_the_same_weights_gives_the_features_of_torchvisions() -> None:
    models = import_torchvision("torchvision.models")
    theirs = models.resnet18()
    theirs.conv1, theirs.maxpool, theirs.fc = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity(), nn.Identity()
    ours = build_encoder(RESNET18, 3, seed=0)
    renamed: dict[str, Tensor] = {}
    for name, tensor in ours.state_dict().items():
        new = re.sub(r"blocks\.stage(\d)_block(\d)", lambda m: f"layer{m[1]}.{int(m[2]) - 1}", name)
        for mine, other in (("stem.0", "conv1"), ("stem.1", "bn1"), ("norm", "bn"), ("shortcut", "downsample")):
            new = new.replace(mine, other)
        renamed[new] = tensor
    theirs.load_state_dict(renamed)  # strict: neither side has a tensor that the other lacks
    for train in (True, False):
        expected = theirs.train(train)(images_of(3, 16))
        torch.testing.assert_close(ours.train(train)(images_of(3, 16)), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("spec", "widths", "num_blocks", "stem"),
    [(RESNET18, (64, 128, 256, 512), 2, 64), (WRN, (32, 64, 128), 2, 16)],
)
def test_every_residual_block_of_the_large_encoders_is_a_probe_point(
    spec: EncoderSpec, widths: tuple[int, ...], num_blocks: int, stem: int
) -> None:
    encoder = build_encoder(spec, 3, seed=0).eval()
    points = encoder.probe_points(images_of(3, 8))
    blocks = [
        (f"stage{stage}_block{block}", (5, width))
        for stage, width in enumerate(widths, 1)
        for block in range(1, num_blocks + 1)
    ]
    expected = [("input", (5, 192)), ("stem", (5, stem)), *blocks[:-1], ("features", (5, widths[-1]))]
    assert [(name, tuple(point.shape)) for name, point in points.items()] == expected
    assert torch.equal(points["features"], encoder(images_of(3, 8)))


@pytest.mark.parametrize("spec", [RESNET18, WRN])
def test_convolutions_of_the_large_encoders_are_prunable_and_nothing_else(spec: EncoderSpec) -> None:
    encoder = build_encoder(spec, 1, seed=0)
    assert list(prunable_names(encoder)) == [name for name, weight in encoder.named_parameters() if weight.dim() == 4]
    assert layer_sizes(spec, 1) == tuple(encoder.get_parameter(name).numel() for name in prunable_names(encoder))
