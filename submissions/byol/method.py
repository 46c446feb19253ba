"""BYOL (Grill et al. 2020, arXiv 2006.07733): predict a momentum teacher's projection of the other view."""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.networks import mlp
from benchmark.method.teacher import MomentumTeacher


class BYOL(AugmentedMethod):
    """An online network with projector g and predictor q, and a target network that follows encoder and projector."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        hidden, dim = int(setting.number("hidden_dim")), int(setting.number("projection_dim"))
        self.projection = mlp(setting.feature_dim, hidden, dim)
        self.prediction = mlp(dim, hidden, dim)
        momentum = setting.number("momentum")
        self.target = MomentumTeacher(setting.new_encoder(), self.projection, momentum, setting.total_steps)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """L of equation 2 plus its mirror image, section 3.1: the views are exchanged, and the losses are added."""
        q1, q2 = (self.prediction(self.projection(encoder(view))) for view in views_VBCHW)
        target1, target2 = (self.target(view) for view in views_VBCHW)
        return self.distance(q1, target2) + self.distance(q2, target1)

    def distance(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Equation 2: squared distance between unit vectors, 2 - 2 cos."""
        return (2 - 2 * F.cosine_similarity(prediction, target, dim=1)).mean()

    def after_step(self, encoder: nn.Module) -> None:
        """Move the target network, equation 1, with a momentum that rises to 1."""
        self.target.follow(encoder, self.projection)
