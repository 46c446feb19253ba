"""An update's loss and gradients as one CUDA graph: queued by Python once, replayed at every update, the same bits.

A GPU finishes the kernels of a small network long before Python has queued the next ones. What may be captured, a
submission promises in its manifest (`capturable`), and `capture_check` beside this file holds it to that.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmark.gc_pause import without_garbage_collection


class GraphPool:
    """Memory that all graphs of a process share: two never run at once, so that one may overwrite what another left.

    A graph of nothing much lives as long as the pool, because memory in which no graph is left is given back.
    """

    def __init__(self, device: torch.device) -> None:
        self.handle = torch.cuda.graph_pool_handle()
        self._keeper = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(device)
        with without_garbage_collection(), torch.cuda.graph(self._keeper, pool=self.handle):
            self._kept = torch.zeros(1, device=device)
        self._inputs: dict[tuple[str, torch.Size, torch.dtype], Tensor] = {}

    def input_like(self, name: str, tensor: Tensor) -> Tensor:
        """Give the place from which all graphs read an input of that name, shape and dtype; each fills it first."""
        key = (name, tensor.shape, tensor.dtype)
        if key not in self._inputs:
            self._inputs[key] = tensor.clone()
        return self._inputs[key]


Descend = Callable[[Tensor, Tensor | None], Tensor]
"""Computes the loss of (views, labels), leaves gradients in the parameters and gives the detached loss."""


class CapturedDescent:
    """Replays of one model's loss, backward pass and masking of gradients; captured when first asked for."""

    def __init__(self, pool: GraphPool) -> None:
        self._pool = pool
        self._graph: torch.cuda.CUDAGraph | None = None
        self._loss = self._views = torch.empty(0)
        self._labels: Tensor | None = None

    def forget(self) -> None:
        """Capture again at the next update, which queues other work than the last."""
        self._graph = None

    def replay(self, descend: Descend, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Leave the gradients of one update in the parameters; gives the loss, which the next call overwrites.

        Args:
            descend: called where nothing is captured yet, once; whatever of it is Python happens then and never again.
            views_VBCHW: copied to where the captured work reads them.
            labels_B: likewise.

        Raises:
            ValueError: the loss waits for the device, or its views have another shape than at the update before.
        """
        if self._graph is None:
            self._graph = self._captured(descend, views_VBCHW, labels_B)
        if views_VBCHW.shape != self._views.shape:
            got = f"{tuple(self._views.shape)}, then {tuple(views_VBCHW.shape)}"
            raise ValueError(f"capturable: expected views of one shape at all updates, got {got}")
        self._views.copy_(views_VBCHW)
        if self._labels is not None and labels_B is not None:
            self._labels.copy_(labels_B)
        self._graph.replay()
        return self._loss

    def _captured(self, descend: Descend, views_VBCHW: Tensor, labels_B: Tensor | None) -> torch.cuda.CUDAGraph:
        self._views = self._pool.input_like("views", views_VBCHW)
        self._labels = None if labels_B is None else self._pool.input_like("labels", labels_B)
        self._views.copy_(views_VBCHW)  # a method may look at what it is given, if only at its shape
        graph = torch.cuda.CUDAGraph()
        try:
            # The outer stream is entered again, because a capture that fails does not leave its own; and the collector
            # might destroy the graph of an earlier model, which would end the capture.
            outer = torch.cuda.stream(torch.cuda.current_stream())
            with without_garbage_collection(), outer, torch.cuda.graph(graph, pool=self._pool.handle):
                self._loss = descend(self._views, self._labels)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ValueError(cannot_be_captured(error)) from error
        return graph


def cannot_be_captured(error: RuntimeError) -> str:
    """Say on one line what was expected: errors of CUDA go on for several, and end in advice for others."""
    got = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return f"capturable: expected a loss that queues work on the device and never waits for it, got {got}"
