"""Label smoothing (Szegedy et al. 2016, arXiv 1512.00567, section 7): cross-entropy against softened labels."""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.method.augmented import AugmentedMethod
from benchmark.method.contract import Setting


class LabelSmoothing(AugmentedMethod):
    """A linear classifier; a share epsilon of every label is spread evenly over all classes."""

    num_views = 1

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.epsilon = setting.number("smoothing")
        self.head = nn.Linear(setting.feature_dim, setting.num_classes or 0)

    def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
        """H(q', p), section 7, with q'(k) = (1 - epsilon) [k = y] + epsilon / C, in nats."""
        assert labels_B is not None  # the manifest asks for labels
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B, label_smoothing=self.epsilon)
