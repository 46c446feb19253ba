"""The views of an update, made on a GPU while the update before is still running."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from benchmark.data.batches import Batches
from benchmark.data.streams import enter_stream
from benchmark.method.contract import Method
from benchmark.training.capture import CapturedViews
from benchmark.training.guard import HookError


class ViewPrefetcher:
    """Makes the views that all models of an update share.

    Views that can be captured are replayed as a CUDA graph. Other augmentation reads numbers back from the GPU now and
    then, and so waits for it. On the CUDA stream of the updates it would wait for all updates queued there. On a stream
    of its own it waits for augmentation only, and updates go on. On a CPU the views are simply made when they are asked
    for.

    Args:
        batches: the seed's batches; views are made on the device of their images.
        captured: replays the views; None where Python makes them at every update.
    """

    def __init__(self, batches: Batches, captured: CapturedViews | None = None) -> None:
        self.batches, self._device, self._captured = batches, batches.images.device, captured
        self._before: torch.Event | None = None
        if self._device.type == "cuda":
            _view_stream(self._device).wait_stream(torch.cuda.current_stream(self._device))

    def views(self, method: Method, step: int) -> tuple[Tensor, Tensor | None]:
        """Return the views (V, B, channels, H, W) and labels (B,) of update `step`; labels are None without them."""
        if self._device.type != "cuda":
            return self._make_views(method, step)
        update_stream, view_stream = torch.cuda.current_stream(self._device), _view_stream(self._device)
        queued = update_stream.record_event()
        if self._before is not None:
            self._before.synchronize()  # stay one update ahead: each update holds its views until it has run
        self._before = queued
        with torch.cuda.stream(view_stream):
            views_VBCHW, labels_B = self._make_views(method, step)
        update_stream.wait_stream(view_stream)
        views_VBCHW.record_stream(update_stream)
        if labels_B is not None:
            labels_B.record_stream(update_stream)
        return views_VBCHW, labels_B

    def _make_views(self, method: Method, step: int) -> tuple[Tensor, Tensor | None]:
        batch = self.batches.at(step)
        enter_stream(self.batches.seed, "views", step)
        with torch.no_grad():
            if self._captured is not None:
                return self._captured.views(method, batch.images_BCHW), batch.labels_B
            return checked_views(method.views(batch.images_BCHW)), batch.labels_B


def checked_views(views: object) -> Tensor:
    """Return what `Method.views` returned, if it is one tensor.

    Raises:
        HookError: it is something else, as a list of crops of several sizes; says how that is done.
    """
    if isinstance(views, Tensor):
        return views
    how = "crops of other sizes are made inside `loss`, from views of the full size"
    raise HookError("views", "one tensor (V, B, channels, height, width)", type(views).__name__, how)


@cache
def _view_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the one stream for views on a device: CUDA's allocator keeps memory per stream."""
    return torch.cuda.Stream(device)
