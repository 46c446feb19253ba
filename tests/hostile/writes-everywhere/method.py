"""Tries to change what is not its own."""

import os
import pathlib

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

FOUND = []
TARGETS = ["/etc/passwd", "/usr/bin/python3", "/opt/fmn/bin/python", "/opt/code/benchmark/encoder.py", "/fmn/job.json",
           "/fmn/train.safetensors", "/fmn/submission/method.py", "/proc/sys/kernel/core_pattern", "/sys/kernel/profiling"]
TARGETS += [str(path) for path in pathlib.Path("/opt").glob("*/lib/python3*/site-packages/torch/__init__.py")]
FOLDERS = ["/", "/root", "/home", "/var/tmp", "/run", "/etc", "/opt/code/benchmark", "/fmn", "/fmn/parents", "/fmn/submission"]
FOLDERS += [str(path) for path in pathlib.Path("/opt").glob("*/lib/python3*/site-packages")]


def attempt(what, action):
    try:
        action()
        FOUND.append(what)
    except OSError:
        pass


for target in TARGETS:
    attempt(f"opened {target}", lambda: os.close(os.open(target, os.O_WRONLY)))
    attempt(f"chmod of {target}", lambda: os.chmod(target, 0o777))
    attempt(f"removed {target}", lambda: os.unlink(target))
for folder in FOLDERS:
    attempt(f"wrote into {folder}", lambda: pathlib.Path(folder, "planted").write_text("x"))
attempt("ran a program from /tmp", lambda: (pathlib.Path("/tmp/run").write_text("#!/bin/sh\n"), os.chmod("/tmp/run", 0o777),
                                           os.posix_spawn("/tmp/run", ["run"], {})))

if FOUND:
    raise SystemError("got through: " + "; ".join(FOUND))


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
