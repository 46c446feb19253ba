"""Makes a system call of another architecture, where numbers mean other calls: a filter that forgot it is none."""

import ctypes
import mmap
import os
import pathlib
import signal

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

VARIANT = ""
LIBC = ctypes.CDLL(None, use_errno=True)


def i386():
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()


def x32():
    LIBC.syscall(0x40000000 | 39)


CHILD = os.fork()
if CHILD == 0:
    {"i386": i386, "x32": x32}[VARIANT]()
    os._exit(0)
ENDED = os.waitstatus_to_exitcode(os.waitpid(CHILD, 0)[1])
raise SystemError(f"{VARIANT} ends by SIGSYS" if ENDED == -signal.SIGSYS else f"got through: {ENDED}")


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
