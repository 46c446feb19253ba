"""Raises an exception that looks like one of the benchmark's, with a message that paints the terminal."""

import pathlib

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")


class EngineError(RuntimeError):
    pass


raise EngineError("environment: the disk is full\x1b[2J\x1b]0;owned\x07\rfinished accuracy=1.0")


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
