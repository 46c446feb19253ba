"""SAM (Foret et al. 2021, arXiv 2010.01412): cross-entropy at the worst weights nearby.

The gradient that the optimizer takes is the one at the perturbed weights. Biases, batch norm and pruned weights, which
are zero, are not perturbed; running statistics are those of the weights as they are.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.other_weights import call_with, prunable_weights


class SAM(AugmentedMethod):
    """A linear classifier on the encoder's features; encoder and classifier are perturbed together."""

    num_views = 1

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.rho = setting.number("rho")
        self.head = nn.Linear(setting.feature_dim, setting.num_classes or 0)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """L(w + e): its gradient is equation 3 without second derivatives; e is equation 2 with p = 2."""
        assert labels_B is not None  # the manifest asks for labels
        weights = {**prunable_weights(encoder), "head": self.head.weight}
        loss = F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
        gradients = torch.autograd.grad(loss, list(weights.values()))
        gradients = [gradient * (weight != 0) for gradient, weight in zip(gradients, weights.values(), strict=True)]
        scale = self.rho / (torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt() + 1e-12)
        nearby = {name: weight + scale * e for (name, weight), e in zip(weights.items(), gradients, strict=True)}
        head = nearby.pop("head")
        return F.cross_entropy(F.linear(call_with(encoder, nearby, views_VBCHW[0]), head, self.head.bias), labels_B)
