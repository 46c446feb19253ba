"""Ends the harness from a thread of its own once training has begun."""

import os
import pathlib
import signal
import threading
import time

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

def wait_and_end():
    while not pathlib.Path("/fmn/outbox/progress.json").exists() and time.monotonic() < START + 30:
        time.sleep(0.01)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)


START = time.monotonic()


def attack():
    threading.Thread(target=wait_and_end).start()
    time.sleep(60)


class Learner(Method):
    """Cross-entropy on the images as they are, after an attack."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        attack()
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
