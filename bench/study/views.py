"""What the standard augmentation costs alone: as a CUDA graph, as queued work, and as kornia's own modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import kornia.augmentation as K
import torch
from torch import Tensor, nn

from bench.our_training import HYPERPARAMETERS, OurRun, random_images, small
from bench.paired_timing import Line, in_turn
from bench.peer import Budget
from bench.study.processes import Worker, WorkerError
from bench.study.scale import Scale
from bench.study.updates import spread
from benchmark.data.streams import enter_stream
from benchmark.data.views import augmented_views
from benchmark.training.capture import CapturedViews

FORMS = {"graph": "CUDA graph", "queued": "queued", "kornia": "kornia's modules"}
GREY_PX = 8
"""Size of the grey images, as in `digits`."""


def view_lines(scale: Scale, worker: Worker) -> Iterator[Line]:
    """Time a batch of views of colour images, and of small grey ones, in all forms of the device in turn."""
    forms = [form for form in FORMS if scale.device == "cuda" or form != "graph"]
    for channels, px in ((3, scale.px), (1, GREY_PX)):
        worker.forget()
        failed: dict[str, str] = {}
        for form in forms:
            options = {"device": scale.device, "channels": channels, "px": px, "images": scale.images}
            try:
                worker.build(form, "views", {**options, "batches": scale.steps, "form": form})
            except WorkerError as error:
                failed[form] = str(error)
        built = [form for form in forms if form not in failed]
        taken = in_turn([lambda form=form: worker.seconds(form) for form in built], scale.repeats)
        what = f"standard augmentation of {scale.images} images of {channels} x {px} x {px}, twice each"
        for form in forms:
            colour = "colour" if channels == 3 else "grey"
            name = f"{scale.prefix}, {scale.views} views, {px} px {colour}, {FORMS[form]}"
            if form in failed:
                yield Line(name, "not measured", failed[form])
                continue
            each_s = [of_all / scale.steps for of_all in taken[built.index(form)]]
            yield Line(name, spread(each_s), f"{what}, per batch, in turn; n = {scale.repeats}")


def side(options: dict[str, Any]) -> Callable[[], None]:
    """Build what a worker times: some batches of views, one after the other, until the device has made them.

    Args:
        options: `device`, `channels`, `px`, `images` per batch, `batches`, and the `form`.
    """
    channels, px, device = options["channels"], options["px"], torch.device(options["device"])
    pictures = random_images(options["images"], channels, px)
    images_BCHW = torch.from_numpy(pictures).to(device).float().div_(255)
    make_views = _views_in(options["form"], OurRun(pictures, Budget(small(2), len(pictures), 1), device=device.type))

    def batches() -> None:
        with torch.no_grad():
            for step in range(options["batches"]):
                enter_stream(0, "views", step)
                make_views(images_BCHW)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return batches


def _views_in(form: str, run: OurRun) -> Callable[[Tensor], Tensor]:
    method, images = run.models[0].method, run.batches.images
    if form == "graph":
        method.views(images.float().div_(255))  # libraries set themselves up on first use, which cannot be captured
        captured = CapturedViews(images.device)
        return lambda images_BCHW: captured.views(method, images_BCHW)
    if form == "queued":
        return method.views
    modules = kornia_modules((images.shape[1], *images.shape[2:]), HYPERPARAMETERS["augmentation"]).to(images.device)
    return lambda images_BCHW: augmented_views(modules, images_BCHW, num_views=2)


def kornia_modules(image_shape: tuple[int, ...], strength: float) -> nn.Sequential:
    """Return what `standard_augmentation` is equal to in distribution, in kornia's modules.

    Args:
        image_shape: (channels, height, width).
        strength: as in `standard_augmentation`.
    """
    if image_shape[0] == 1:
        return nn.Sequential(affine(strength), K.RandomGaussianNoise(std=0.1 * strength, p=1.0))
    return nn.Sequential(
        resized_crop(image_shape, strength), K.RandomHorizontalFlip(p=0.5), jitter(strength), K.RandomGrayscale(p=0.2)
    )


def affine(strength: float) -> K.RandomAffine:
    """Return kornia's maps of grey images."""
    s = strength
    return K.RandomAffine(20 * s, translate=(0.15 * s, 0.15 * s), scale=(1 - 0.2 * s, 1 + 0.2 * s), shear=12 * s)


def resized_crop(image_shape: tuple[int, ...], strength: float) -> K.RandomResizedCrop:
    """Return kornia's crops of colour images (channels, height, width)."""
    _, height, width = image_shape
    return K.RandomResizedCrop((height, width), scale=(1 - 0.8 * strength, 1.0), cropping_mode="resample")


def jitter(strength: float) -> K.ColorJitter:
    """Return kornia's changes of colours."""
    s = strength
    return K.ColorJitter(0.4 * s, 0.4 * s, 0.4 * s, 0.1 * s, p=0.8)
