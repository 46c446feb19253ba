"""Honest: what a submission looks like that attacks nothing; the twin of the others."""

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
