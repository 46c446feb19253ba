"""Replaces what Python calls at errors and ends, and raises."""

import atexit
import builtins
import os
import pathlib
import sys
import threading

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

def lie(*_):
    os.write(2, b"environment: the trainer could not be started\n")
    os._exit(0)


sys.excepthook = sys.unraisablehook = threading.excepthook = sys.breakpointhook = lie
atexit.register(lie)


def attack():
    builtins.print = lie
    raise RuntimeError("my own mistake")


class Learner(Method):
    """Cross-entropy on the images as they are, after an attack."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        attack()
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
