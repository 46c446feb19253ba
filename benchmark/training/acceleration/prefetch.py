"""Making the views of an update while the one before is still at work: on a GPU, on a stream of their own."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from benchmark.data.batches import Batches
from benchmark.data.streams import enter_stream
from benchmark.method.contract import Method


class ViewMaker:
    """Makes the views that models share, for one update after the other.

    Augmentation asks the device for numbers now and then, and so waits for it. On the stream of the updates it would
    wait for all of these; on its own it waits for itself, while they run.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches, self._device = batches, batches.images.device
        self._before: torch.Event | None = None
        if self._device.type == "cuda":
            _beside(self._device).wait_stream(torch.cuda.current_stream(self._device))

    def views(self, method: Method, step: int) -> tuple[Tensor, Tensor | None]:
        """Give the views (V, B, channels, H, W) and labels (B,) of update `step`."""
        if self._device.type != "cuda":
            return self._made(method, step)
        updates, beside = torch.cuda.current_stream(self._device), _beside(self._device)
        queued = updates.record_event()
        if self._before is not None:
            self._before.synchronize()  # stay one update ahead: each holds its views until it has run
        self._before = queued
        with torch.cuda.stream(beside):
            views_VBCHW, labels_B = self._made(method, step)
        updates.wait_stream(beside)
        views_VBCHW.record_stream(updates)
        if labels_B is not None:
            labels_B.record_stream(updates)
        return views_VBCHW, labels_B

    def _made(self, method: Method, step: int) -> tuple[Tensor, Tensor | None]:
        batch = self.batches.at(step)
        enter_stream(self.batches.seed, "views", step)
        with torch.no_grad():
            return method.views(batch.images_BCHW), batch.labels_B


@cache
def _beside(device: torch.device) -> torch.cuda.Stream:
    """Give the one stream beside the updates: memory is kept per stream."""
    return torch.cuda.Stream(device)
