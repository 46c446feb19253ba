"""SimSiam (Chen & He 2021, arXiv 2011.10566): two views predict each other, with a stop-gradient and no teacher."""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.networks import mlp


class SimSiam(AugmentedMethod):
    """A projection head with batch norm on its output, and a prediction head with a bottleneck."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        dim = int(setting.number("projection_dim"))
        self.projection = mlp(setting.feature_dim, dim, dim, closing_norm=True)  # two layers, as the authors' on CIFAR
        self.prediction = mlp(dim, int(setting.number("bottleneck_dim")), dim)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """D(p1, stopgrad(z2)) / 2 + D(p2, stopgrad(z1)) / 2, equation 4, with D = -cos of equation 1."""
        z1, z2 = (self.projection(encoder(view)) for view in views_VBCHW)
        p1, p2 = self.prediction(z1), self.prediction(z2)
        towards_2 = F.cosine_similarity(p1, z2.detach(), dim=1).mean()
        towards_1 = F.cosine_similarity(p2, z1.detach(), dim=1).mean()
        return -(towards_2 + towards_1) / 2
