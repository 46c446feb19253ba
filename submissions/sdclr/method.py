"""SDCLR (Jiang et al. 2021, arXiv 2106.02990): SimCLR between the encoder and itself, pruned by magnitude.

The paper prunes anew at the start of every epoch and gives each branch batch norms of its own. Here the mask follows
the weights at every update, and both branches share scale and shift; running statistics are those of the dense branch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.networks import mlp
from benchmark.method.other_weights import call_with, largest_weights
from benchmark.method.similarity import cosine_similarities


class SDCLR(AugmentedMethod):
    """A target branch, dense, and a competitor branch, the same weights without the smallest; one projection head."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.temperature, self.sparsity = setting.number("temperature"), setting.number("branch_sparsity")
        dim = setting.feature_dim
        self.projection = mlp(dim, dim, int(setting.number("projection_dim")), batch_norm=False)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """NT-Xent, equation 1 of the paper, between the dense branch's first and the pruned branch's second views."""
        dense = encoder(views_VBCHW[0])
        pruned = call_with(encoder, largest_weights(encoder, self.sparsity), views_VBCHW[1])
        z = self.projection(torch.cat([dense, pruned]))
        similarity = cosine_similarities(z, z) / self.temperature
        similarity = similarity.masked_fill(torch.eye(len(z), dtype=torch.bool, device=z.device), -torch.inf)
        other_view = torch.arange(len(z), device=z.device).roll(len(dense))
        return F.cross_entropy(similarity, other_view)
