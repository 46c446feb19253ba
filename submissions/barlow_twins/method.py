"""Barlow Twins (Zbontar et al. 2021, arXiv 2103.03230): the views' cross-correlation becomes the identity."""

from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.networks import mlp


class BarlowTwins(AugmentedMethod):
    """A three-layer projector on the encoder, and the redundancy reduction loss on its outputs."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.off_diagonal_weight = setting.number("off_diagonal_weight")
        dim = int(setting.number("projection_dim"))
        self.projection = mlp(setting.feature_dim, dim, dim, dim)
        self.standardise = nn.BatchNorm1d(dim, affine=False)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """L_BT, equation 1, with C of equation 2; divided by D, so that rates do not depend on the projector's size."""
        z1, z2 = (self.standardise(self.projection(encoder(view))) for view in views_VBCHW)
        correlation = z1.T @ z2 / len(z1)
        invariance = (1 - correlation.diagonal()).square().sum()
        redundancy = correlation.square().sum() - correlation.diagonal().square().sum()
        return (invariance + self.off_diagonal_weight * redundancy) / len(correlation)
