"""Starts threads until it may not."""

import pathlib
import threading
import time

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

THREADS = 0
try:
    while THREADS < 5000:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        THREADS += 1
except RuntimeError as error:
    raise SystemError(f"stopped after {'few' if THREADS < 300 else 'too many'} threads: {error}") from None


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
