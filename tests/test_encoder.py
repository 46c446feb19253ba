"""The benchmark's encoder: its shape, its probe points, its first weights, and what of it may be pruned."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.data.streams import enter_stream
from benchmark.encoder import Encoder, build_encoder, feature_dim, layer_sizes, prunable_names
from benchmark.spec import SmallResNet


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
