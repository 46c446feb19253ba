"""Nested magnitudes, a method of this benchmark's own: every magnitude-pruned part of the network classifies, too.

At every update one such part is drawn. Its compression is uniform in log2, the measure over which the robustness score
integrates. It learns the labels as the whole network does, so that weights are ordered by how early they are needed.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting
from benchmark.method.other_weights import call_with, largest_weights


class Nested(AugmentedMethod):
    """A linear classifier on the encoder's features, shared by the whole network and its parts."""

    num_views = 1

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.share, self.octaves = setting.number("part_weight"), setting.number("most_octaves")
        self.head = nn.Linear(setting.feature_dim, setting.num_classes or 0)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """(1 - a) L(w) + a L(w kept at sparsity 1 - 2^-u), with u uniform in [0, octaves]; L is cross-entropy."""
        assert labels_B is not None  # the manifest asks for labels
        view = views_VBCHW[0]
        octaves = self.octaves * torch.rand((), device=view.device)
        part = call_with(encoder, largest_weights(encoder, 1 - 2**-octaves), view)
        whole = F.cross_entropy(self.head(encoder(view)), labels_B)
        return (1 - self.share) * whole + self.share * F.cross_entropy(self.head(part), labels_B)
