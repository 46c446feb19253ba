"""Submissions for tests: one that learns quickly without augmentation, and ways to change it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import yaml

HEAD = """\
import os
import signal
import time

import torch
import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method


class Plain(Method):
    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
"""
LEARN = "return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)"

MANIFEST = {
    "name": "plain",
    "authors": ["Nobody"],
    "description": "Cross-entropy on the images as they are.",
    "supervision": "labels",
    "hyperparameters": {"learning_rate": 0.1, "weight_decay": 5.0e-4},
}


def write_submission(directory: Path, before: str = "", *, more: str = "", **changes: object) -> Path:
    """Write the plain submission.

    Args:
        directory: where to.
        before: statements of `loss` before it computes the cross-entropy.
        more: more methods of the class.
        changes: fields of the manifest that differ.
    """
    directory.mkdir(parents=True, exist_ok=True)
    body = textwrap.indent(f"{textwrap.dedent(before)}\n{LEARN}\n", " " * 8)
    rest = textwrap.indent(textwrap.dedent(more), " " * 4)
    (directory / "method.py").write_text(f"{HEAD}{body}\n{rest}")
    (directory / "submission.yaml").write_text(yaml.safe_dump({**MANIFEST, **changes}))
    return directory
