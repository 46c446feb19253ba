"""Sets every weight of the encoder to zero in every step of the optimizer."""

import torch
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

    def optimizer(self, parameters):
        def forget(*_):
            with torch.no_grad():
                for parameter in parameters[:-2]:
                    parameter.zero_()

        optimizer = super().optimizer(parameters)
        optimizer.register_step_post_hook(forget)
        return optimizer
