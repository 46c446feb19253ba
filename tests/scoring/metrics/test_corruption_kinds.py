"""Every corruption against its formula pixel by pixel, and what holds for all: dtype, determinism, chunks, borders."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.scoring.metrics import corruption_kinds
from benchmark.scoring.metrics.corruption_kinds import KINDS, corrupt, digest_images
from benchmark.spec.corruptions import (
    ALL_CORRUPTIONS,
    BoxBlur,
    Brightness,
    Contrast,
    Corruption,
    GaussianBlur,
    GaussianNoise,
    ImpulseNoise,
    Jpeg,
    MotionBlur,
    Pixelate,
    ShotNoise,
)

Pixels = NDArray[np.uint8]
each_corruption = pytest.mark.parametrize("corruption", ALL_CORRUPTIONS, ids=lambda corruption: corruption.name)


def smooth_images(num_images: int = 6, channels: int = 1, side: int = 8, seed: int = 0) -> Pixels:
    """Random blobs: neighbouring pixels resemble each other, as in pictures."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (num_images, channels, side // 2, side // 2))
    return np.repeat(np.repeat(coarse, 2, axis=2), 2, axis=3).astype(np.uint8)


def error(images: Pixels, changed: Pixels) -> float:
    return float(np.abs(images.astype(np.float64) - changed).mean())


def naive_filter(image_HW: Pixels, kernel: list[list[float]]) -> NDArray[np.float64]:
    """Weighted mean around every pixel, the image mirrored at its border without repeating the border itself."""
    height, width = image_HW.shape
    radius, total = len(kernel) // 2, sum(map(sum, kernel))

    def mirrored(index: int, size: int) -> int:
        index = abs(index)
        return 2 * (size - 1) - index if index >= size else index

    return np.array(
        [
            [
                sum(
                    kernel[dy + radius][dx + radius] * int(image_HW[mirrored(y + dy, height), mirrored(x + dx, width)])
                    for dy in range(-radius, radius + 1)
                    for dx in range(-radius, radius + 1)
                )
                / total
                for x in range(width)
            ]
            for y in range(height)
        ]
    )


@each_corruption
@pytest.mark.parametrize("shape", [(5, 1, 8, 8), (5, 3, 32, 32), (3, 3, 12, 20), (2, 1, 1, 1), (0, 1, 8, 8)])
def test_any_images_keep_shape_and_type(corruption: Corruption, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    before = images.copy()
    for severity in (1, 5):
        changed = corrupt(images, corruption, severity)
        assert changed.dtype == np.uint8
        assert changed.shape == shape
    assert (images == before).all()


@each_corruption
def test_the_same_call_gives_the_same_pixels_whatever_the_chunks_and_the_global_generators(
    corruption: Corruption, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = smooth_images(num_images=7)
    first = corrupt(images, corruption, 3)
    np.random.seed(1)  # noqa: NPY002 - the point is that it does not matter
    monkeypatch.setattr(corruption_kinds, "CHUNK_IMAGES", 2)
    second = corrupt(images, corruption, 3)
    assert np.abs(first.astype(int) - second).max() <= 1  # a rounded half may fall to the other side
    assert (first != second).mean() < 0.01


@each_corruption
def test_the_strongest_severity_changes_more_than_the_mildest(corruption: Corruption) -> None:
    images = smooth_images(num_images=50, channels=3, side=32)
    mild, strong = (error(images, corrupt(images, corruption, severity)) for severity in (1, 5))
    assert 0 < mild < strong


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "impulse_noise", "motion_blur"])
def test_draws_differ_between_severities_and_between_images(name: str) -> None:
    corruption = next(each for each in ALL_CORRUPTIONS if each.name == name)
    images = np.broadcast_to(smooth_images(1), (8, 1, 8, 8)).copy()
    changed = corrupt(images, corruption, 4)
    assert len(np.unique(changed, axis=0)) == 8
    other = images.copy()
    other[7, 0, 0, 0] ^= 1
    assert (corrupt(other, corruption, 4)[0] != changed[0]).any()  # one pixel of another image: other draws
    if name == "gaussian_noise":
        twins = GaussianNoise(name="gaussian_noise", severities=(0.1, 0.1 + 1e-9, 0.3, 0.4, 0.5))
        assert (corrupt(images, twins, 1) != corrupt(images, twins, 2)).mean() > 0.5


def test_gaussian_noise_has_the_stated_deviation() -> None:
    grey = np.full((40, 1, 32, 32), 128, np.uint8)
    noise = corrupt(grey, GaussianNoise(name="gaussian_noise", severities=(0.05, 0.1, 0.2, 0.3, 0.4)), 2) - 128.0
    assert noise.mean() == pytest.approx(0, abs=0.5)
    assert noise.std() == pytest.approx(25.5, rel=0.02)


def test_shot_noise_has_the_variance_of_counted_photons_and_leaves_black_black() -> None:
    images = np.zeros((40, 1, 32, 32), np.uint8)
    images[:, :, :16] = 102  # light 0.4
    counted = corrupt(images, ShotNoise(name="shot_noise", severities=(400, 100, 50, 25, 12)), 2) / 255
    assert (counted[:, :, 16:] == 0).all()
    assert counted[:, :, :16].mean() == pytest.approx(0.4, abs=2e-3)
    assert counted[:, :, :16].var() == pytest.approx(0.4 / 100, rel=0.05)


def test_impulse_noise_hits_the_stated_share_half_black_half_white() -> None:
    grey = np.full((40, 3, 32, 32), 100, np.uint8)
    hit = corrupt(grey, ImpulseNoise(name="impulse_noise"), 5)
    assert set(np.unique(hit)) == {0, 100, 255}
    assert (hit == 0).mean() == pytest.approx(0.1, abs=0.005)
    assert (hit == 255).mean() == pytest.approx(0.1, abs=0.005)


def test_gaussian_blur_is_a_normal_density_of_the_scaled_width() -> None:
    image = smooth_images(1)
    blurred = corrupt(image, GaussianBlur(name="gaussian_blur", severities=(0.2, 0.4, 0.8, 1.6, 2.0)), 4)
    deviation = 1.6 * math.sqrt(8 / 32)
    line = [math.exp(-(x**2) / (2 * deviation**2)) for x in range(-4, 5)]
    expected = naive_filter(image[0, 0], [[a * b for a in line] for b in line])
    assert np.abs(blurred[0, 0] - expected).max() <= 0.5 + 1e-3


def test_box_blur_averages_over_a_square_that_may_end_within_a_pixel() -> None:
    image = smooth_images(1)
    blurred = corrupt(image, BoxBlur(name="box_blur", severities=(2, 4, 5, 6, 7)), 3)  # 2.5 pixels wide on 8 pixels
    line = [0.75, 1.0, 0.75]
    expected = naive_filter(image[0, 0], [[a * b for a in line] for b in line])
    assert np.abs(blurred[0, 0] - expected).max() <= 0.5 + 1e-3


def test_a_box_below_one_pixel_changes_nothing() -> None:
    images = smooth_images()
    assert (corrupt(images, BoxBlur(name="box_blur", severities=(1.5, 2, 3, 4, 5)), 1) == images).all()


def test_motion_blur_spreads_a_point_along_one_line_through_it() -> None:
    images = np.zeros((64, 1, 32, 32), np.uint8)
    images[:, 0, 16, 16] = 255
    blurred = corrupt(images, MotionBlur(name="motion_blur", severities=(3, 5, 7, 9, 11)), 4).astype(np.float64)
    down, across = np.mgrid[-16:16, -16:16]
    directions: set[int] = set()
    for spot_HW in blurred[:, 0]:
        weight_HW = spot_HW / spot_HW.sum()
        assert spot_HW.sum() == pytest.approx(255, rel=0.05)  # light is kept, but for rounding
        spread_22 = np.cov(np.stack([down.ravel(), across.ravel()]), aweights=weight_HW.ravel(), ddof=0)
        small, large = np.linalg.eigvalsh(spread_22)
        # A line of length 9 has variance 81 / 12; bilinear drawing adds less than 0.3 in any direction.
        assert small < 0.3
        assert 81 / 12 - 0.1 < large < 81 / 12 + 0.4
        vertical, horizontal = np.linalg.eigh(spread_22)[1][:, 1]
        directions.add(int(math.degrees(math.atan2(vertical, horizontal)) % 180) // 30)
    assert len(directions) == 6


def test_brightness_and_contrast_are_exact() -> None:
    image = np.array([[[[0, 100], [200, 60]]]], np.uint8)  # mean 90
    lighter = corrupt(image, Brightness(name="brightness", severities=(0.1, 0.2, 0.3, 0.4, 0.5)), 2)
    assert lighter.tolist() == [[[[51, 151], [251, 111]]]]
    flatter = corrupt(image, Contrast(name="contrast", severities=(0.8, 0.5, 0.4, 0.1, 0)), 2)
    assert flatter.tolist() == [[[[45, 95], [145, 75]]]]
    assert (corrupt(image, Contrast(name="contrast", severities=(0.8, 0.5, 0.4, 0.1, 0)), 5) == 90).all()


def test_pixelate_averages_whole_blocks_where_the_sides_divide() -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8), dtype=np.uint8)
    changed = corrupt(image, Pixelate(name="pixelate"), 4)  # half the side
    blocks = image.reshape(2, 3, 4, 2, 4, 2).mean(axis=(3, 5))
    assert np.abs(changed - np.repeat(np.repeat(blocks, 2, axis=2), 2, axis=3)).max() <= 0.5 + 1e-3


@given(side=st.integers(2, 12), severity=st.integers(1, 5), light=st.integers(0, 255))
@settings(max_examples=40)
def test_pixels_of_one_colour_survive_every_blur_and_pixelation(side: int, severity: int, light: int) -> None:
    flat = np.full((2, 1, side, side), light, np.uint8)
    for name in ("gaussian_blur", "motion_blur", "box_blur", "pixelate", "contrast"):
        corruption = next(each for each in ALL_CORRUPTIONS if each.name == name)
        assert np.abs(corrupt(flat, corruption, severity).astype(int) - light).max() == 0


def test_jpeg_keeps_grey_pictures_recognisable_and_loses_detail_with_quality() -> None:
    images = smooth_images(num_images=20, side=32)
    losses = [error(images, corrupt(images, Jpeg(name="jpeg"), severity)) for severity in range(1, 6)]
    assert losses == sorted(losses)
    assert losses[0] < 6 < losses[-1] < 40


def test_grey_pictures_stay_the_same_grey_in_three_channels_through_jpeg() -> None:
    grey = smooth_images(num_images=4, side=16)
    colour = np.repeat(grey, 3, axis=1)
    difference = corrupt(colour, Jpeg(name="jpeg"), 2).astype(int) - corrupt(grey, Jpeg(name="jpeg"), 2)
    assert np.abs(difference).max() <= 1


def test_wrong_images_and_severities_are_refused() -> None:
    jpeg = Jpeg(name="jpeg")
    with pytest.raises(ValueError, match="float32"):
        corrupt(np.zeros((1, 1, 8, 8), np.float32), jpeg, 1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"\(1, 2, 8, 8\)"):
        corrupt(np.zeros((1, 2, 8, 8), np.uint8), jpeg, 1)
    with pytest.raises(ValueError, match="from 1 to 5, got 0"):
        corrupt(np.zeros((1, 1, 8, 8), np.uint8), jpeg, 0)


def test_every_corruption_of_the_specification_can_be_made() -> None:
    assert list(KINDS) == [corruption.name for corruption in ALL_CORRUPTIONS]


def test_a_digest_names_pixels_and_shape() -> None:
    images = smooth_images()
    assert digest_images(images) == digest_images(np.asfortranarray(images))
    assert len({digest_images(images), digest_images(images[::-1]), digest_images(images.reshape(6, 1, 4, 16))}) == 3
