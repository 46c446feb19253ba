"""Ends the trainer without a word, successfully, from one of the hooks that the harness calls."""

import os
import pathlib

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

VARIANT = ""


def attack(hook):
    if hook == VARIANT:
        os._exit(0)


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)
        attack("init")

    def views(self, images_BCHW):
        attack("views")
        return super().views(images_BCHW)

    def loss(self, encoder, views_VBCHW, labels_B):
        attack("loss")
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)

    def optimizer(self, parameters):
        attack("optimizer")
        return super().optimizer(parameters)

    def learning_rate(self, step):
        attack("learning-rate")
        return super().learning_rate(step)

    def after_step(self, encoder):
        attack("after-step")
