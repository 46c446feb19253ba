"""DCL (Yeh et al. 2022, arXiv 2110.06848): SimCLR's loss without the positive pair in the denominator."""

import torch
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.networks import mlp
from benchmark.method.similarity import cosine_similarities, same_image


class DCL(AugmentedMethod):
    """A two-layer projection head on the encoder, and the decoupled contrastive loss on its outputs."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.temperature = setting.number("temperature")
        dim = setting.feature_dim
        self.projection = mlp(dim, dim, int(setting.number("projection_dim")), batch_norm=False)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """L_DC, section 3 of the paper, averaged over all 2B views; the form without weights (DCL, not DCLW)."""
        z = self.projection(encoder(views_VBCHW.flatten(0, 1)))
        similarity = cosine_similarities(z, z) / self.temperature
        batch = views_VBCHW.shape[1]
        positive = similarity.diagonal(batch).repeat(2)
        negatives = similarity.masked_fill(same_image(batch, z.device), -torch.inf)
        return (negatives.logsumexp(1) - positive).mean()
