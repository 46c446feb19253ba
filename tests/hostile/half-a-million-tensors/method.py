"""Delivers a header full of empty tensors."""

import pathlib
import sys

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")


def spoil(path):
    tensors = safetensors.torch.load_file(path)
    tensors |= {f"t{number}": torch.zeros(0) for number in range(20_000)}
    safetensors.torch.save_file(tensors, path)


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
