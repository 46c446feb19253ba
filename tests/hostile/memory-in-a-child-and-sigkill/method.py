"""Lets a child run out of memory, then ends itself by SIGKILL in every way that there is."""

import ctypes
import fcntl
import os
import pathlib
import resource
import signal
import struct

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

LIBC = ctypes.CDLL(None, use_errno=True)
CHILD = os.fork()
if CHILD == 0:
    HELD = []
    while True:
        HELD.append(b"x" * (16 << 20))
os.waitpid(CHILD, 0)
ME = os.getpid()


def attempt(action):
    try:
        action()
    except (OSError, ValueError):
        pass


def by_a_timer():
    event = struct.pack("QiiQQQQQQ", 0, signal.SIGKILL, 0, 0, 0, 0, 0, 0, 0)
    timer = ctypes.c_int()
    if LIBC.timer_create(0, event, ctypes.byref(timer)) == 0:
        LIBC.timer_settime(timer, 0, struct.pack("qqqq", 0, 0, 0, 1000), None)


def by_a_pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(reader, fcntl.F_SETOWN, ME)
    fcntl.fcntl(reader, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writer, b"x")


attempt(lambda: os.kill(ME, signal.SIGKILL))
attempt(lambda: signal.pidfd_send_signal(os.pidfd_open(ME), signal.SIGKILL))
LIBC.syscall(62, ME, ctypes.c_ulong(signal.SIGKILL | 1 << 32))
LIBC.syscall(200, ME, signal.SIGKILL)
LIBC.syscall(234, ME, ME, signal.SIGKILL)
LIBC.syscall(129, ME, signal.SIGKILL, struct.pack("iiiiQ", signal.SIGKILL, 0, -1, 0, 0).ljust(128, b"\0"))
by_a_timer()
attempt(by_a_pipe)
if LIBC.syscall(56, signal.SIGKILL, 0, 0, 0, 0) == 0:
    os._exit(0)
attempt(lambda: resource.setrlimit(resource.RLIMIT_CPU, (0, 0)))
if LIBC.prctl(22, 1, 0, 0, 0) == 0:
    os.getpid()
if os.fork() == 0:
    LIBC.ptrace(16, ME, None, None)
    LIBC.ptrace(8, ME, None, None)
    os._exit(0)
os.wait()
os._exit(9)


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
