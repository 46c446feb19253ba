"""Tries capabilities, mounts, namespaces, devices and other users."""

import ctypes
import os
import pathlib
import resource

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

FOUND = []
LIBC = ctypes.CDLL(None, use_errno=True)


def attempt(what, action):
    try:
        if action() != -1:
            FOUND.append(what)
    except (OSError, ValueError):
        pass


STATUS = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    FOUND += [f"{name} {STATUS[name].strip()}"] if int(STATUS[name], 16) else []
FOUND += ["new privileges"] if STATUS["NoNewPrivs"].strip() != "1" else []
FOUND += ["no seccomp filter"] if STATUS["Seccomp"].strip() != "2" else []
FOUND += [f"user {os.getresuid()}, group {os.getresgid()}"] if {*os.getresuid(), *os.getresgid()} != {65534} else []
FOUND += [f"groups {os.getgroups()}"] if set(os.getgroups()) - {65534} else []
FOUND += ["core dumps"] if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0) else []
attempt("became root", lambda: os.setuid(0))
attempt("became group root", lambda: os.setgid(0))
attempt("mounted a tmpfs", lambda: LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None))
attempt("remounted the root", lambda: LIBC.mount(b"none", b"/", None, 32, None))
attempt("a user namespace", lambda: LIBC.unshare(0x10000000))
attempt("a mount namespace", lambda: LIBC.unshare(0x00020000))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("a device", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(254, 0)))
attempt("a device in the outbox", lambda: os.mknod("/fmn/outbox/disk", 0o60600, os.makedev(254, 0)))
attempt("a host name", lambda: LIBC.sethostname(b"x", 1))
attempt("a keyring", lambda: LIBC.syscall(250, 0, -3, 1))
attempt("bpf", lambda: LIBC.syscall(321, 0, None, 0))
attempt("perf events", lambda: LIBC.syscall(298, None, 0, -1, -1, 0))
attempt("a higher limit", lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))
for device in ("/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/kvm", "/proc/kcore", "/etc/shadow"):
    attempt(f"read {device}", lambda: os.close(os.open(device, os.O_RDONLY)) or 0)
FOUND += [f"a program that changes its user: {path}" for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib")
          for path in pathlib.Path(folder).rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o6000]

if FOUND:
    raise SystemError("got through: " + "; ".join(FOUND))


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
