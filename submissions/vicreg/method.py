"""VICReg (Bardes et al. 2022, arXiv 2105.04906): invariance, and a floor under variance, without correlations."""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.networks import mlp


class VICReg(AugmentedMethod):
    """A three-layer expander on the encoder, and three terms on its outputs."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        weights = ("invariance_weight", "variance_weight", "covariance_weight")
        self.lambda_, self.mu, self.nu = (setting.number(name) for name in weights)
        dim = int(setting.number("projection_dim"))
        self.expander = mlp(setting.feature_dim, dim, dim, dim)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """Equation 6, lambda s + mu (v + v') + nu (c + c'); the authors' code takes means in s and halves v + v'."""
        z1, z2 = (self.expander(encoder(view)) for view in views_VBCHW)
        variance = (self.variance(z1) + self.variance(z2)) / 2
        covariance = self.covariance(z1) + self.covariance(z2)
        return self.lambda_ * F.mse_loss(z1, z2) + self.mu * variance + self.nu * covariance

    def variance(self, z: Tensor) -> Tensor:
        """Equation 1: a hinge on the standard deviation, with gamma = 1."""
        return F.relu(1 - (z.var(0) + 1e-4).sqrt()).mean()

    def covariance(self, z: Tensor) -> Tensor:
        """Equation 4: squared covariances off the diagonal, over D."""
        z = z - z.mean(0)
        covariance = z.T @ z / (len(z) - 1)
        return (covariance.square().sum() - covariance.diagonal().square().sum()) / len(covariance)
