"""Features are what the encoder computes in evaluation mode, whatever the chunks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from benchmark.encoder import Encoder, build_encoder
from benchmark.scoring.compute import Compute
from benchmark.scoring.reading.features import BYTES_PER_PIXEL, extract_features, extract_final_features, pixels_of
from benchmark.spec import SmallResNet

POINTS = {"input": 192, "stem": 3, "stage1_block1": 3, "stage2_block1": 6, "features": 12}


@pytest.fixture
def encoder() -> Encoder:
    """An encoder with statistics that training would have left."""
    encoder = build_encoder(SmallResNet(name="resnet8", width=3), in_channels=3, seed=0)
    encoder.train()
    with torch.no_grad():
        for _ in range(3):
            encoder(torch.rand(16, 3, 8, 8))
    return encoder


@pytest.fixture
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (13, 3, 8, 8), np.uint8)


def naive_features(encoder: Encoder, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """One image at a time, layer by layer."""
    encoder.eval()
    with torch.no_grad():
        pixels = torch.tensor(image / np.float32(255))[None]
        maps = encoder.stem(pixels)
        found = {"input": pixels.reshape(-1), "stem": maps.sum(dim=(0, 2, 3)) / maps[0, 0].numel()}
        for name, block in encoder.blocks.items():
            first = F.relu(block.norm1(block.conv1(maps)))  # pyright: ignore[reportCallIssue]
            maps = F.relu(block.norm2(block.conv2(first)) + block.shortcut(maps))  # pyright: ignore[reportCallIssue]
            found[name] = maps.sum(dim=(0, 2, 3)) / maps[0, 0].numel()
    found["features"] = found.pop("stage3_block1")
    return {name: values.numpy() for name, values in found.items()}


def test_every_probe_point_agrees_with_the_layers_one_image_at_a_time(
    encoder: Encoder, images: NDArray[np.uint8]
) -> None:
    found = extract_features(encoder, images)
    assert {name: values.shape for name, values in found.items()} == {name: (13, size) for name, size in POINTS.items()}
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    for position, image in enumerate(images):
        for name, expected in naive_features(encoder, image).items():
            np.testing.assert_allclose(found[name][position], expected, rtol=1e-4, atol=1e-6)


def test_points_are_ordered_from_the_input_to_the_features(encoder: Encoder, images: NDArray[np.uint8]) -> None:
    assert list(extract_features(encoder, images)) == list(POINTS)


@pytest.mark.parametrize("chunk", [1, 5, 12, 13, 14])
def test_chunks_change_nothing_but_rounding(encoder: Encoder, images: NDArray[np.uint8], chunk: int) -> None:
    whole = extract_features(encoder, images)
    small = Compute(chunk_bytes=chunk * BYTES_PER_PIXEL * images.shape[2] * images.shape[3])
    for name, values in extract_features(encoder, images, small).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-5, atol=1e-6)


def test_the_last_point_alone_is_the_last_of_all_bit_by_bit(encoder: Encoder, images: NDArray[np.uint8]) -> None:
    found = extract_final_features(encoder, images)
    np.testing.assert_array_equal(found, extract_features(encoder, images)["features"])


def test_the_first_point_is_what_the_encoder_is_given_bit_by_bit(
    encoder: Encoder, images: NDArray[np.uint8]
) -> None:
    given = torch.from_numpy(images).to(torch.float32).div_(255)
    with torch.no_grad():
        seen = encoder.eval().probe_points(given)["input"].numpy()
    np.testing.assert_array_equal(pixels_of(images), seen)


def test_kept_pixels_are_given_back_and_not_made_again(encoder: Encoder, images: NDArray[np.uint8]) -> None:
    pixels = pixels_of(images)
    assert extract_features(encoder, images, pixels_ND=pixels)["input"] is pixels


def test_extracting_puts_the_encoder_into_evaluation_mode_and_leaves_its_statistics(
    encoder: Encoder, images: NDArray[np.uint8]
) -> None:
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    encoder.train()
    extract_features(encoder, images)
    assert not encoder.training
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())


def test_the_input_is_pixels_between_zero_and_one(encoder: Encoder) -> None:
    images = np.array([0, 128, 255], np.uint8)[:, None, None, None] * np.ones((1, 3, 8, 8), np.uint8)
    found = extract_features(encoder, images)["input"]
    pixels = np.array([0, 128, 255], np.float32) / np.float32(255)
    np.testing.assert_array_equal(found, pixels[:, None] * np.ones((1, 192), np.float32))
