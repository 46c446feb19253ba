"""The shared augmentation: shapes, range, and draws that belong to the stream that was entered."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from benchmark.data.streams import enter_stream
from benchmark.data.views import augmented_views, standard_augmentation

SHAPES = [(1, 8, 8), (3, 16, 16)]


def images_of(shape: tuple[int, int, int]) -> Tensor:
    return torch.rand((6, *shape), generator=torch.Generator().manual_seed(1))


def views_at(shape: tuple[int, int, int], strength: float, step: int) -> Tensor:
    augmentation = standard_augmentation(shape, strength, flip=True)
    enter_stream(0, "views", step)
    return augmented_views(augmentation, images_of(shape), num_views=2)


@pytest.mark.parametrize("shape", SHAPES)
def test_views_have_the_shape_of_the_images_and_stay_in_range(shape: tuple[int, int, int]) -> None:
    views_VBCHW = views_at(shape, 1.0, 0)
    assert views_VBCHW.shape == (2, 6, *shape)
    assert views_VBCHW.dtype == torch.float32
    assert 0 <= float(views_VBCHW.min()) < float(views_VBCHW.max()) <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_views_depend_on_the_stream_alone_and_not_on_earlier_use_of_the_pipeline(shape: tuple[int, int, int]) -> None:
    augmentation = standard_augmentation(shape, 1.0, flip=True)
    augmented_views(augmentation, images_of(shape)[:3], num_views=3)
    enter_stream(0, "views", 4)
    used_before = augmented_views(augmentation, images_of(shape), num_views=2)
    assert torch.equal(used_before, views_at(shape, 1.0, 4))
    assert not torch.equal(used_before, views_at(shape, 1.0, 5))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_image_and_every_view_draws_its_own_parameters(shape: tuple[int, int, int]) -> None:
    same_image = images_of(shape)[:1].expand(4, *shape)
    enter_stream(0, "views", 0)
    views_VBCHW = augmented_views(standard_augmentation(shape, 1.0, flip=True), same_image, num_views=2).flatten(0, 1)
    assert len({view.numpy().tobytes() for view in views_VBCHW}) == 8


@pytest.mark.parametrize("shape", SHAPES)
def test_images_that_were_given_are_not_changed(shape: tuple[int, int, int]) -> None:
    images_BCHW = images_of(shape)
    standard_augmentation(shape, 1.0, flip=True)(images_BCHW)
    assert torch.equal(images_BCHW, images_of(shape))


def test_at_strength_zero_grey_images_stay_as_they_are() -> None:
    views_VBCHW = views_at((1, 8, 8), 0.0, 0)
    torch.testing.assert_close(views_VBCHW[0], images_of((1, 8, 8)), atol=1e-5, rtol=0)
    torch.testing.assert_close(views_VBCHW[1], images_of((1, 8, 8)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("strength", [-0.1, math.nan, math.inf])
def test_a_strength_that_is_no_strength_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="augmentation: expected a strength of at least 0, got"):
        standard_augmentation((3, 8, 8), strength, flip=True)
