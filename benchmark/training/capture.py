"""Views, and loss and gradients of an update, as CUDA graphs: queued once, replayed at every update, with equal bits.

A GPU finishes the kernels of a small network long before Python has queued the next ones. A submission says in its
manifest whether its loss is `capturable`; `acceleration/capture_check.py` tests that, and finds out about its views.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmark.gc_pause import paused_gc
from benchmark.method.contract import Method


class GraphPool:
    """Memory that all CUDA graphs of a process share: two graphs never run at once, so they may overwrite values.

    CUDA gives the memory back when the last graph in it is destroyed. A tiny graph that lives as long as the pool
    prevents this.

    Args:
        device: the GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self.handle = torch.cuda.graph_pool_handle()
        self._keeper = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(device)
        with paused_gc(), torch.cuda.graph(self._keeper, pool=self.handle):
            self._kept = torch.zeros(1, device=device)
        self._inputs: dict[tuple[str, torch.Size, torch.dtype], Tensor] = {}

    def input_like(self, name: str, tensor: Tensor) -> Tensor:
        """Return the tensor from which graphs read an input of this name, shape and dtype; fill it before a replay."""
        key = (name, tensor.shape, tensor.dtype)
        if key not in self._inputs:
            self._inputs[key] = tensor.clone()
        return self._inputs[key]


ComputeGradients = Callable[[Tensor, Tensor | None], Tensor]
"""Computes the loss of (views, labels), leaves gradients in the parameters, and returns the detached loss."""


class CapturedGradients:
    """One model's loss, backward pass and masking of gradients; captured at the first call, replayed at every other.

    Args:
        pool: memory for the graph.
    """

    def __init__(self, pool: GraphPool) -> None:
        self._pool = pool
        self._graph: torch.cuda.CUDAGraph | None = None
        self._loss = self._views = torch.empty(0)
        self._labels: Tensor | None = None

    def forget(self) -> None:
        """Capture again at the next update, because it queues other work than the update before."""
        self._graph = None

    def replay(self, compute_gradients: ComputeGradients, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Leave the gradients of one update in the parameters.

        Args:
            compute_gradients: called only while nothing is captured; its Python code runs at that call alone.
            views_VBCHW: copied to the memory from which the graph reads them.
            labels_B: likewise.

        Returns:
            The loss, a scalar on the device. The next call overwrites it.

        Raises:
            ValueError: the loss waits for the device, or the views have another shape than at the update before.
        """
        if self._graph is None:
            self._graph = self._captured(compute_gradients, views_VBCHW, labels_B)
        if views_VBCHW.shape != self._views.shape:
            got = f"{tuple(self._views.shape)}, then {tuple(views_VBCHW.shape)}"
            raise ValueError(f"capturable: expected views of one shape at all updates, got {got}")
        self._views.copy_(views_VBCHW)
        if self._labels is not None and labels_B is not None:
            self._labels.copy_(labels_B)
        self._graph.replay()
        return self._loss

    def _captured(
        self, compute_gradients: ComputeGradients, views_VBCHW: Tensor, labels_B: Tensor | None
    ) -> torch.cuda.CUDAGraph:
        self._views = self._pool.input_like("views", views_VBCHW)
        self._labels = None if labels_B is None else self._pool.input_like("labels", labels_B)
        self._views.copy_(views_VBCHW)  # a method may look at what it is given, if only at its shape
        try:
            graph, self._loss = captured(self._pool, lambda: compute_gradients(self._views, self._labels))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ValueError(cannot_be_captured(error)) from error
        return graph


class CapturedViews:
    """The views of one method at a time; captured at its first call, replayed at every other.

    Random numbers are those of plain calls: a replay begins at the seed that the device's generator has at the time.
    Updates may run beside a replay, so that it has memory of its own.

    Args:
        device: the GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._pool = GraphPool(device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._method: Method | None = None
        self._images = self._views = torch.empty(0)

    def views(self, method: Method, images_BCHW: Tensor) -> Tensor:
        """Return `method.views(images_BCHW)`, in memory that no later call overwrites.

        Args:
            method: kept until another one is given, because the graph reads its tensors.
            images_BCHW: copied to the memory from which the graph reads them; always of one shape.

        Raises:
            RuntimeError: views wait for the device.
        """
        if self._graph is None or self._method is not method:
            self._graph = None  # of the method before; gives its memory back
            self._images = self._pool.input_like("images", images_BCHW)
            self._graph, self._views = captured(self._pool, lambda: method.views(self._images))
            self._method = method
        self._images.copy_(images_BCHW)
        self._graph.replay()
        return self._views.clone()


def captured(pool: GraphPool, queue_work: Callable[[], Tensor]) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """Capture what a function queues; return the graph and what the function returned, which every replay overwrites.

    Raises:
        RuntimeError: the function waits for the device.
    """
    graph = torch.cuda.CUDAGraph()
    # `outer` enters the present stream again, because a capture that fails stays on its own stream. Garbage collection
    # pauses, because destroying the graph of an earlier model would end the capture.
    outer = torch.cuda.stream(torch.cuda.current_stream())
    with paused_gc(), outer, torch.cuda.graph(graph, pool=pool.handle):
        returned = queue_work()
    return graph, returned


def cannot_be_captured(error: RuntimeError) -> str:
    """Return the message for a failed capture, on one line: CUDA's own goes on with advice for its developers."""
    got = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
    return f"capturable: expected a loss that queues work on the device and never waits for it, got {got}"
