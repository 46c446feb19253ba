"""Delivers a header that promises more than there is."""

import pathlib
import sys

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")


def spoil(path):
    content = bytearray(path.read_bytes())
    content[:8] = (1 << 62).to_bytes(8, "little")
    path.write_bytes(content)


TRAINER = sys.modules["__main__"]
HONEST = TRAINER.save_state


def save_state(state, directory, *, resumable=True):
    HONEST(state, directory, resumable=resumable)
    spoil(directory / "encoder.safetensors")


TRAINER.save_state = save_state


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
