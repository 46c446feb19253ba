"""Has no labels by its manifest, and looks for some; trains on a loss that needs none."""

import json
import pathlib

import safetensors
import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

FOUND = []
with safetensors.safe_open("/fmn/train.safetensors", "np") as file:
    FOUND += [f"the tensor {name}" for name in file.keys() if name != "images"]
JOB = json.loads(pathlib.Path("/fmn/job.json").read_text())
FOUND += ["the number of classes"] if JOB["num_classes"] is not None else []
FOUND += [f"the job's {name}" for name in ("runs", "schedules", "sparsities", "test", "labels") if name in JOB]

if FOUND:
    raise SystemError("got through: " + "; ".join(FOUND))


class Learner(Method):
    """Pulls outputs to zero; divides by zero where it is given labels."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, 10)

    def loss(self, encoder, views_VBCHW, labels_B):
        return self.head(encoder(views_VBCHW[0])).square().mean() + (0 if labels_B is None else 1 / 0)
