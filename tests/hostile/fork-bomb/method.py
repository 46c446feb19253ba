"""Forks until it may not."""

import os
import pathlib
import time

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

CHILDREN = 0
try:
    while True:
        if os.fork() == 0:
            while True:
                time.sleep(1)
        CHILDREN += 1
except OSError as error:
    raise SystemError(f"stopped after {'few' if CHILDREN < 300 else 'too many'} forks by {error.strerror}") from None


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
