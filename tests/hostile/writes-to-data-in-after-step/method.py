"""Changes weights through `data` after every update, which moves no version counter."""

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

    def after_step(self, encoder):
        for weight in encoder.parameters():
            weight.data.mul_(1.001)
