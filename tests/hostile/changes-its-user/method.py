"""Makes programs that would change their user, and runs them."""

import os
import pathlib
import shutil
import subprocess

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

FOUND = []
for folder in ("/tmp", "/fmn/outbox", "/dev/shm"):
    copy = f"{folder}/id"
    shutil.copyfile("/usr/bin/id", copy)
    try:
        os.chmod(copy, 0o6755)
        done = subprocess.run([copy, "-u"], capture_output=True, text=True, check=False)
        FOUND += [f"{copy}: user {done.stdout}"] if done.stdout.strip() not in ("", "65534") else []
    except OSError:
        pass
    os.unlink(copy)
for program in ("/bin/su", "/usr/bin/sudo", "/usr/bin/passwd", "/usr/bin/newgrp", "/usr/bin/mount"):
    if os.path.exists(program) and os.stat(program).st_mode & 0o6000:
        FOUND.append(program)
for status in pathlib.Path("/proc/self/status").read_text().splitlines():
    name, value = status.split(":", 1)
    if name.startswith("Cap") and int(value, 16):
        FOUND.append(status)
    if name in ("NoNewPrivs", "Seccomp_filters") and int(value) < 1:
        FOUND.append(status)

if FOUND:
    raise SystemError("got through: " + "; ".join(FOUND))


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
