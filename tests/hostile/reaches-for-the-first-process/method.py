"""Tries to stop, trace, read or rewrite the first process of its container."""

import ctypes
import os
import pathlib
import signal

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

LIBC = ctypes.CDLL(None, use_errno=True)
FOUND = []


def attempt(what, action):
    try:
        if action() != -1:
            FOUND.append(what)
    except OSError:
        pass


attempt("attached", lambda: LIBC.ptrace(16, 1, None, None))
attempt("seized", lambda: LIBC.ptrace(0x4206, 1, None, None))
attempt("read its memory", lambda: os.open("/proc/1/mem", os.O_RDWR))
attempt("took a descriptor", lambda: LIBC.syscall(438, os.pidfd_open(1), 1, 0))
attempt("opened its output", lambda: os.open("/proc/1/fd/1", os.O_WRONLY))
attempt("read its environment", lambda: os.open("/proc/1/environ", os.O_RDONLY))
attempt("made it likely to be ended", lambda: os.open("/proc/1/oom_score_adj", os.O_WRONLY))
for number in sorted(signal.valid_signals() - {signal.SIGKILL}):
    os.kill(1, number)
attempt("ended it", lambda: os.kill(1, signal.SIGKILL) or 0)
STATE = pathlib.Path("/proc/1/stat").read_text().rsplit(")", 1)[1].split()[0]
FOUND += [f"it is in the state {STATE}"] if STATE in "TtZX" else []

if FOUND:
    raise SystemError("got through: " + "; ".join(FOUND))


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
