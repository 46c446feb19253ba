"""The standard augmentation draws as kornia's generators do, makes kornia's pixels, and never waits for its device."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import kornia.augmentation as K
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bench.study.views import affine, jitter, resized_crop
from benchmark.data.colour_augmentation import ColourAugmentation, ColourDraws, coloured, cropped, with_hue
from benchmark.data.grey_augmentation import GreyAugmentation, mapped
from benchmark.data.streams import enter_stream
from benchmark.data.views import augmented_views, standard_augmentation

NUM_DRAWS = 40_000
STRENGTHS = [0.5, 1.0]
ORDERS = list(permutations(range(4)))
WAITS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique", "index", "item"}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    enter_stream(0, "views", 0)


def assert_equally_distributed(ours: dict[str, Tensor], theirs: dict[str, Tensor], slack: float = 0.0) -> None:
    """Compare means, variances and correlations within five standard errors, and ranges within `slack` and 0.3 %."""
    assert ours.keys() == theirs.keys()
    one, other = (torch.stack([each.double() for each in side.values()]) for side in (ours, theirs))
    num_draws = one.shape[1]
    deviation = torch.maximum(one.std(1), other.std(1)).clamp_min(1e-9)
    error = 5 * math.sqrt(2 / num_draws)
    assert ((one.mean(1) - other.mean(1)).abs() <= error * deviation).all()
    fourth = ((other - other.mean(1, keepdim=True)) / deviation[:, None]).pow(4).mean(1)
    assert ((one.var(1) - other.var(1)).abs() <= error * (fourth - 1).clamp_min(0.1).sqrt() * deviation**2).all()
    correlations = (each.corrcoef().nan_to_num(0) for each in (one, other))  # a constant has none
    assert ((next(correlations) - next(correlations)).abs() <= 1.5 * error).all()
    extent = (other.amax(1) - other.amin(1)) * 0.003 + slack + 1e-9
    assert ((one.amin(1) - other.amin(1)).abs() <= extent).all()
    assert ((one.amax(1) - other.amax(1)).abs() <= extent).all()


def assert_equal_counts(ours_ND: Tensor, theirs_ND: Tensor) -> None:
    """Compare how often whole numbers come together: chi-squared of two samples, at most six deviations off."""
    both_ND = torch.cat((ours_ND, theirs_ND)).long()
    _, cells = both_ND.unique(dim=0, return_inverse=True)
    ours_K, theirs_K = (half.bincount(minlength=int(cells.max()) + 1).double() for half in cells.chunk(2))
    frequent_K = ours_K + theirs_K >= 20
    terms = ((ours_K - theirs_K) ** 2 / (ours_K + theirs_K))[frequent_K]
    assert float(terms.sum()) <= len(terms) + 6 * math.sqrt(2 * len(terms))


def kornia_draws(module: Any, shape: tuple[int, int, int], count: int = NUM_DRAWS) -> dict[str, Tensor]:
    return module.forward_parameters(torch.Size((count, *shape)))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_affine_maps_are_drawn_as_kornia_draws_them(strength: float) -> None:
    ours = GreyAugmentation(strength).draw(torch.empty(NUM_DRAWS, 1, 8, 12))
    theirs = kornia_draws(affine(strength), (1, 8, 12))
    assert float(theirs["shear_y"].abs().max()) == 0
    assert torch.equal(theirs["scale"][:, 0], theirs["scale"][:, 1])
    assert_equally_distributed(
        {
            "applied": ours.applied_B, "x": ours.shift_x_B, "y": ours.shift_y_B, "scale": ours.scale_B,
            "angle": ours.angle_B, "shear": ours.shear_B,
        },
        {
            "applied": theirs["batch_prob"], "x": theirs["translations"][:, 0] / 12,
            "y": theirs["translations"][:, 1] / 8, "scale": theirs["scale"][:, 0],
            "angle": theirs["angle"].deg2rad(), "shear": theirs["shear_x"].deg2rad(),
        },
    )  # fmt: skip


def test_noise_is_normal_with_the_deviation_that_kornia_is_given() -> None:
    images_BCHW = torch.full((NUM_DRAWS // 64, 1, 8, 8), 0.5)
    noise = (GreyAugmentation(0.0)(images_BCHW) - 0.5).abs().max()
    assert float(noise) < 1e-6
    augmentation = GreyAugmentation(1.0)
    enter_stream(0, "views", 3)
    with_noise = augmentation(images_BCHW)
    enter_stream(0, "views", 3)
    without_noise = mapped(images_BCHW, augmentation.draw(images_BCHW))
    noise = (with_noise - without_noise).flatten()
    theirs = kornia_draws(K.RandomGaussianNoise(std=0.1, p=1.0), (1, 1, 1), len(noise))["gaussian_noise"].flatten()
    for power in (1, 2, 3, 4):
        error = 5 * math.sqrt(2 / len(noise)) * float((theirs / 0.1).pow(power).std())
        assert abs(float((noise / 0.1).pow(power).mean() - (theirs / 0.1).pow(power).mean())) <= error


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 8, 40), (3, 40, 8), (3, 16, 20)])
def test_crops_are_drawn_as_kornia_draws_them(shape: tuple[int, int, int], strength: float) -> None:
    """Most candidates of the long images do not fit, so that some of their crops are the fallback."""
    ours = ColourAugmentation(strength, flip=True).draw_crops(torch.empty(NUM_DRAWS, *shape))
    corners = kornia_draws(resized_crop(shape, strength), shape)["src"]
    mirrored = kornia_draws(K.RandomHorizontalFlip(p=0.5), shape)["batch_prob"]
    size = corners[:, 2] - corners[:, 0] + 1
    assert_equally_distributed(
        {
            "left": ours.left_B, "top": ours.top_B, "width": ours.width_B, "height": ours.height_B,
            "mirrored": ours.mirrored_B,
        },
        {
            "left": corners[:, 0, 0], "top": corners[:, 0, 1], "width": size[:, 0], "height": size[:, 1],
            "mirrored": mirrored,
        },
        slack=2,  # pixels, which few of these draws reach
    )  # fmt: skip
    assert_equal_counts(torch.stack((ours.width_B, ours.height_B), dim=1), size)
    assert_equal_counts(torch.stack((ours.left_B, ours.width_B), dim=1), torch.stack((corners[:, 0, 0], size[:, 0]), 1))
    assert_equal_counts(torch.stack((ours.top_B, ours.height_B), dim=1), torch.stack((corners[:, 0, 1], size[:, 1]), 1))
    for side, whole in ((ours.width_B, shape[2]), (ours.height_B, shape[1])):
        assert 1 <= float(side.min()) <= float(side.max()) <= whole


def test_images_that_may_not_be_mirrored_are_not() -> None:
    assert not ColourAugmentation(1.0, flip=False).draw_crops(torch.empty(1000, 3, 8, 8)).mirrored_B.any()


@pytest.mark.parametrize("strength", STRENGTHS)
def test_colours_are_drawn_as_kornia_draws_them(strength: float) -> None:
    ours = ColourAugmentation(strength, flip=True).draw_colours(torch.empty(NUM_DRAWS, 3, 1, 1))
    theirs = kornia_draws(jitter(strength), (3, 1, 1))
    changed = theirs["batch_prob"] > 0.5
    grey = kornia_draws(K.RandomGrayscale(p=0.2), (3, 1, 1))["batch_prob"]
    factors = {name: ((theirs[f"{name}_factor"] - 1) * changed) for name in ("brightness", "contrast", "saturation")}
    assert_equally_distributed(
        {
            "brightness": ours.brightness_B - 1, "contrast": ours.contrast_B - 1, "saturation": ours.saturation_B - 1,
            "hue": ours.hue_B, "changed": ours.hue_B != 0, "grey": ours.grey_B,
        },
        {**factors, "hue": theirs["hue_factor"] * changed, "changed": changed, "grey": grey},
    )  # fmt: skip


def test_every_order_of_the_four_changes_is_equally_likely_and_one_for_the_batch() -> None:
    """Kornia draws `torch.randperm(4)` for a batch. Chi-squared with 23 degrees of freedom is below 60 in 99.997 %."""
    augmentation, images_BCHW = ColourAugmentation(1.0, flip=True), torch.empty(1, 3, 1, 1)
    drawn = [tuple(augmentation.draw_colours(images_BCHW).positions_4.tolist()) for _ in range(2400)]
    assert set(drawn) == set(ORDERS)
    assert sum((drawn.count(order) - 100) ** 2 / 100 for order in ORDERS) < 60


def images_of(count: int, *shape: int) -> Tensor:
    """Draw images with black, white, grey and saturated pixels among them."""
    images_BCHW = torch.rand(count, *shape)
    images_BCHW[:, :, 0, :2] = images_BCHW[:, :, 0, :2].round()
    images_BCHW[:, :, -1] = images_BCHW[:, :1, -1]
    return images_BCHW


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (1, 9, 14)])
def test_a_map_gives_the_pixels_of_kornia(shape: tuple[int, int, int]) -> None:
    images_BCHW = images_of(64, *shape)
    draws = GreyAugmentation(1.0).draw(images_BCHW)
    size = torch.tensor([shape[2], shape[1]])
    params = {
        "translations": torch.stack((draws.shift_x_B, draws.shift_y_B), dim=1) * size,
        "center": ((size - 1) / 2).expand(64, 2), "scale": draws.scale_B[:, None].expand(-1, 2),
        "angle": draws.angle_B.rad2deg(), "shear_x": draws.shear_B.rad2deg(), "shear_y": torch.zeros(64),
        "batch_prob": draws.applied_B.float(), "forward_input_shape": torch.tensor(images_BCHW.shape),
    }  # fmt: skip
    expected = affine(1.0)(images_BCHW, params=params)
    torch.testing.assert_close(mapped(images_BCHW, draws), expected, atol=2e-5, rtol=0)
    assert 20 <= int((expected != images_BCHW).flatten(1).any(1).sum()) <= 44


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 8, 40), (3, 40, 8), (3, 5, 5), (3, 1, 3)])
def test_a_crop_gives_the_pixels_of_kornia(shape: tuple[int, int, int], flip: bool) -> None:
    images_BCHW = images_of(64, *shape)
    draws = ColourAugmentation(1.0, flip=flip).draw_crops(images_BCHW)
    left, top, right, bottom = draws.left_B, draws.top_B, draws.width_B - 1, draws.height_B - 1
    right, bottom = left + right, top + bottom
    corners = torch.stack((left, top, right, top, right, bottom, left, bottom), dim=1).view(-1, 4, 2)
    width, height = shape[2] - 1.0, shape[1] - 1.0
    whole = torch.tensor([[0, 0], [width, 0], [width, height], [0, height]]).expand(64, 4, 2)
    more = {"forward_input_shape": torch.tensor(images_BCHW.shape)}
    boxes = {"src": corners, "dst": whole, "batch_prob": torch.ones(64), **more}
    crop = resized_crop(shape, 1.0)(images_BCHW, params=boxes)
    expected = K.RandomHorizontalFlip(p=0.5)(crop, params={"batch_prob": draws.mirrored_B.float(), **more})
    torch.testing.assert_close(cropped(images_BCHW, draws), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("positions", ORDERS)
def test_colours_are_those_of_kornia_in_every_order(positions: tuple[int, int, int, int]) -> None:
    """Images that kornia would leave out have neutral factors here."""
    images_BCHW = images_of(32, 3, 6, 7)
    drawn = ColourAugmentation(1.0, flip=True).draw_colours(images_BCHW)
    changed, more = drawn.hue_B != 0, {"forward_input_shape": torch.tensor(images_BCHW.shape)}
    draws = ColourDraws(
        drawn.brightness_B, drawn.contrast_B, drawn.saturation_B, drawn.hue_B, torch.tensor(positions), drawn.grey_B
    )
    params = {
        "brightness_factor": draws.brightness_B, "contrast_factor": draws.contrast_B,
        "saturation_factor": draws.saturation_B, "hue_factor": draws.hue_B,
        "order": torch.tensor(positions).argsort(), "batch_prob": changed.float(), **more,
    }  # fmt: skip
    jittered = jitter(1.0)(images_BCHW, params=params)
    expected = K.RandomGrayscale(p=0.2)(jittered, params={"batch_prob": draws.grey_B.float(), **more})
    torch.testing.assert_close(coloured(images_BCHW, draws), expected, atol=1e-5, rtol=0)


def test_every_hue_of_every_colour_is_that_of_kornia() -> None:
    levels = torch.linspace(0, 1, 9)
    colours_CN = torch.cartesian_prod(levels, levels, levels).T
    turns_B = torch.linspace(-0.5, 0.5, 21)
    images_BCHW = colours_CN[None, :, None].expand(21, -1, -1, -1)
    expected = K.ColorJitter(hue=0.5, p=1.0)._hue_fn(images_BCHW, turns_B * 2 * math.pi)  # pyright: ignore[reportPrivateUsage]
    torch.testing.assert_close(with_hue(images_BCHW, turns_B), expected, atol=5e-6, rtol=0)


def test_a_large_batch_is_coloured_in_blocks_with_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    images_BCHW = images_of(40, 3, 8, 8)
    draws = ColourAugmentation(1.0, flip=True).draw_colours(images_BCHW)
    at_once = coloured(images_BCHW, draws)
    monkeypatch.setattr("benchmark.data.colour_augmentation._BLOCK_VALUES", 7 * 3 * 8 * 8)
    assert torch.equal(coloured(images_BCHW, draws), at_once)


class Operations(TorchDispatchMode):
    """Lists every operation and the devices of what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.devices: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note the operation, and do it."""
        result = func(*args, **(kwargs or {}))
        self.names.append(func.name().removeprefix("aten::").partition(".")[0])
        results = result if isinstance(result, list | tuple) else [result]
        self.devices.update(each.device.type for each in results if isinstance(each, Tensor))
        return result


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_on_a_gpu_nothing_is_drawn_or_made_elsewhere_and_nothing_waits(shape: tuple[int, int, int]) -> None:
    """Tensors that have a device and no values stand in for a GPU: whoever read a value of them would raise."""
    augmentation = standard_augmentation(shape, 1.0, flip=True)
    before = torch.get_rng_state()
    lists: list[list[str]] = []
    for _ in range(2):
        with Operations() as queued:
            images_BCHW = torch.empty(16, *shape, device="meta")
            views_VBCHW = augmented_views(augmentation, images_BCHW, num_views=2)
        assert views_VBCHW.shape == (2, 16, *shape)
        assert queued.devices == {"meta"}
        assert not set(queued.names) & WAITS
        lists.append(queued.names)
    assert lists[0] == lists[1]
    assert torch.equal(torch.get_rng_state(), before)
