"""Calls itself in its loss until Python, or the stack, ends."""

import ctypes
import pathlib
import sys

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

VARIANT = ""


def attack():
    if VARIANT == "python":
        attack()
    sys.setrecursionlimit(10**9)
    ctypes.CFUNCTYPE(None)(attack)()


class Learner(Method):
    """Cross-entropy on the images as they are, after an attack."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        attack()
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
