"""Writes to the files by which a kernel is set."""

import os
import pathlib

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

PLACES = ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger",
          "/proc/sys/fs/binfmt_misc/register", "/proc/sys/kernel/modprobe", "/sys/kernel/uevent_helper", "/proc/kcore",
          "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cgroup.procs",
          "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/devices/devices.allow", "/proc/self/uid_map", "/dev/mem",
          "/dev/kmsg", "/proc/irq/default_smp_affinity", "/proc/acpi/wakeup", "/sys/power/state", "/proc/self/attr/current"]
FOUND = []
for place in PLACES:
    try:
        os.close(os.open(place, os.O_WRONLY))
        if place not in ("/proc/self/uid_map", "/proc/self/attr/current"):
            FOUND.append(place)
    except OSError:
        continue
for place, text in (("/proc/self/oom_score_adj", "-1000"), ("/proc/self/uid_map", "0 65534 1"), ("/proc/self/gid_map", "0 65534 1")):
    try:
        pathlib.Path(place).write_text(text)
        FOUND.append(f"{text} into {place}")
    except OSError:
        continue

if FOUND:
    raise SystemError("got through: " + "; ".join(FOUND))


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
