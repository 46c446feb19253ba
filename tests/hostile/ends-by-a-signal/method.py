"""Ends itself by a signal that is not the kernel's at the memory limit."""

import os
import pathlib
import resource
import signal
import time

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

VARIANT = ""


def attack():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    number = signal.Signals[f"SIG{VARIANT}"]
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(5)


class Learner(Method):
    """Cross-entropy on the images as they are, after an attack."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        attack()
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
