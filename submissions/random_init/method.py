"""The negative control: the encoder keeps its initial weights."""

import torch
from torch import Tensor, nn

from benchmark.method.contract import Method


class RandomInit(Method):
    """Makes updates that change nothing: zero gradients, learning rate zero, and the images are never looked at."""

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Zero."""
        return 0 * next(encoder.parameters()).sum()

    def optimizer(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Plain gradient descent with learning rate zero."""
        return torch.optim.SGD(parameters, lr=0.0)
