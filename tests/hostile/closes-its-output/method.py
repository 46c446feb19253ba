"""Closes every descriptor for its output, and replaces what Python prints with."""

import os
import pathlib
import sys

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

sys.stdout.close()
sys.stderr.close()
for number in (1, 2):
    os.close(number)
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
