"""Looks for the host's layout: where its mounts come from, and what belongs to other processes."""

import json
import os
import pathlib

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

FOUND = []
JOB = json.loads(pathlib.Path("/fmn/job.json").read_text())
ENGINE = ("/var/lib/docker/", "/usr/bin/tini", "/usr/libexec/", "/null", "/docker/", "/system.slice/")
for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
    source, target = line.split()[3:5]
    if target.startswith("/fmn/"):
        parts = source.strip("/").split("/")
        neutral = parts[:2] == ["var", "tmp"] or parts[:1] == ["tmp"]
        named = [part for part in parts[2:4] if not (8 <= len(part) <= 11 and part.replace("_", "a").isalnum())]
        if not neutral or len(parts) > 5 or (named and parts[2:] != ["0"] and len(parts[2]) > 11):
            FOUND.append(f"{target} from {source}")
    elif target.startswith("/proc/") or source == "/" or source.startswith(ENGINE):
        continue
    elif target not in ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/dev/console"):
        FOUND.append(f"{target} from {source}")
NAMES = ("mountinfo", "mounts", "mountstats", "cgroup", "maps", "environ", "cmdline", "cwd", "root", "exe", "status", "stat")
TEXT = ""
for process in ("self", "1", *(name for name in os.listdir("/proc") if name.isdecimal())):
    for name in NAMES:
        try:
            path = f"/proc/{process}/{name}"
            TEXT += os.readlink(path) if name in ("cwd", "root", "exe") else pathlib.Path(path).read_text(errors="replace")
        except OSError:
            continue
for path in ("/proc/mounts", "/proc/cmdline", "/proc/swaps", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"):
    TEXT += pathlib.Path(path).read_text()
for secret in (JOB["root"][:12], *(segment["key"][:12] for segment in JOB["segments"]), "/segments", "/jobs/", "hostile", "pytest", "FMN_"):
    if secret in TEXT:
        FOUND.append(f"{secret} in /proc")
for name in ("fd/0", "fd/1", "mem", "environ", "root"):
    try:
        os.close(os.open(f"/proc/1/{name}", os.O_RDONLY))
        FOUND.append(f"/proc/1/{name}")
    except OSError:
        pass

if FOUND:
    raise SystemError("got through: " + "; ".join(FOUND))


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
