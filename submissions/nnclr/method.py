"""NNCLR (Dwibedi et al. 2021, arXiv 2104.14548): the positive of a view is the nearest neighbour of the other view."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.networks import mlp
from benchmark.method.queue import FeatureQueue


class NNCLR(AugmentedMethod):
    """A projection head g, a prediction head h, and a support set Q of earlier projections."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.temperature = setting.number("temperature")
        hidden, dim = int(setting.number("hidden_dim")), int(setting.number("projection_dim"))
        self.projection = mlp(setting.feature_dim, hidden, dim)  # the paper's has three layers, for 2,048 features
        self.prediction = mlp(dim, hidden, dim)
        self.support = FeatureQueue(int(setting.number("queue")), dim, setting.batch_size)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """L_NNCLR of section 3.2 with the prediction head, symmetrised as in algorithm 1."""
        z = self.projection(encoder(views_VBCHW.flatten(0, 1)))
        p1, p2 = F.normalize(self.prediction(z), dim=1).chunk(2)
        z1, z2 = F.normalize(z, dim=1).chunk(2)
        self.support.offer(z1)
        return (self.contrast(self.neighbour(z1), p2) + self.contrast(self.neighbour(z2), p1)) / 2

    def neighbour(self, z: Tensor) -> Tensor:
        """NN(z, Q): the nearest vector of the support set."""
        return self.support.features_KD[(z @ self.support.features_KD.T).argmax(1)]

    def contrast(self, neighbour: Tensor, prediction: Tensor) -> Tensor:
        """Let every neighbour find its own prediction in the batch."""
        logits = neighbour @ prediction.T / self.temperature
        return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))

    def after_step(self, encoder: nn.Module) -> None:
        """Update the support set with the first views' projections, first in, first out."""
        self.support.advance()
