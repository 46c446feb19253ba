"""Raises, from its loss, what a broken machine would raise, or what an exception handler may not expect."""

import errno
import os
import pathlib
import subprocess

import torch
import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

VARIANT = ""


class Unprintable(Exception):
    """An exception whose text is another exception."""

    def __str__(self):
        raise ValueError("no text")


RAISED = {
    "no-memory": lambda: MemoryError("Cannot allocate memory"),
    "no-gpu-memory": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.0 GiB"),
    "full-disk": lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/fmn/outbox"),
    "broken-pipe": lambda: BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)),
    "no-engine": lambda: ConnectionError("Cannot connect to the Docker daemon. Is the docker daemon running?"),
    "timeout": lambda: TimeoutError("the trainer made no progress until its deadline and was ended"),
    "killed": lambda: subprocess.CalledProcessError(-9, "kernel"),
    "escapes": lambda: RuntimeError("\x1b[2J\x1b]0;owned\x07 fine"),
    "markup": lambda: RuntimeError("<script>alert(1)</script> [bold]"),
    "recursion": lambda: RecursionError("maximum recursion depth exceeded"),
    "stop-iteration": lambda: StopIteration("over"),
    "long-text": lambda: RuntimeError("x" * (1 << 20)),
    "unprintable": Unprintable,
    "group": lambda: ExceptionGroup("many", [ValueError(str(number)) for number in range(100)]),
}


def attack():
    raise RAISED[VARIANT]()


class Learner(Method):
    """Cross-entropy on the images as they are, after an attack."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        attack()
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
