"""Makes one of the system calls that no training needs."""

import ctypes
import errno
import os
import pathlib

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

VARIANT = ""
NUMBERS = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "ptrace": 101, "process_vm_readv": 310,
    "process_vm_writev": 311, "pidfd_getfd": 438, "kcmp": 312, "userfaultfd": 323, "perf_event_open": 298, "bpf": 321,
    "keyctl": 250, "add_key": 248, "request_key": 249, "unshare": 272, "setns": 308, "mount": 165, "umount2": 166,
    "pivot_root": 155, "chroot": 161, "fsopen": 430, "move_mount": 429, "open_tree": 428, "personality": 135,
    "kexec_load": 246, "init_module": 175, "delete_module": 176, "reboot": 169, "swapon": 167, "syslog": 103,
    "open_by_handle_at": 304, "name_to_handle_at": 303, "fanotify_init": 300, "quotactl": 179, "acct": 163,
    "settimeofday": 164, "clock_settime": 227, "iopl": 172, "ioperm": 173, "modify_ldt": 154, "shmget": 29, "msgget": 68,
    "semget": 64, "mq_open": 240, "timer_create": 222, "io_setup": 206, "seccomp": 317, "setuid": 105, "capset": 126,
    "sethostname": 170,
}
LIBC = ctypes.CDLL(None, use_errno=True)
FOUND = []
for name in VARIANT.split("-"):
    if LIBC.syscall(NUMBERS[name], 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM:
        FOUND.append(f"{name}: {errno.errorcode.get(ctypes.get_errno())}")
raise SystemError(f"got through: {FOUND}" if FOUND else f"{VARIANT} is refused")


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
