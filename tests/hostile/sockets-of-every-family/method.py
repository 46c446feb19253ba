"""Opens a socket of every family that is not covered by the network namespace, or could be."""

import ctypes
import errno
import pathlib
import socket

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

FAMILIES = {"INET": 2, "AX25": 3, "IPX": 4, "APPLETALK": 5, "NETROM": 6, "BRIDGE": 7, "ATMPVC": 8, "X25": 9, "INET6": 10,
            "ROSE": 11, "KEY": 15, "NETLINK": 16, "PACKET": 17, "ECONET": 19, "ATMSVC": 20, "RDS": 21, "IRDA": 23,
            "PPPOX": 24, "WANPIPE": 25, "LLC": 26, "IB": 27, "MPLS": 28, "CAN": 29, "TIPC": 30, "BLUETOOTH": 31,
            "IUCV": 32, "RXRPC": 33, "ISDN": 34, "PHONET": 35, "IEEE802154": 36, "CAIF": 37, "ALG": 38, "NFC": 39,
            "VSOCK": 40, "KCM": 41, "QIPCRTR": 42, "SMC": 43, "XDP": 44, "MCTP": 45}
LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = {"x86_64": (41, 53), "aarch64": (198, 199)}[__import__("os").uname().machine]
VARIANT = ""
NAME, KINDS = VARIANT, (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
PAIR = (ctypes.c_int * 2)()
FOUND = []
for kind in KINDS:
    for family in (FAMILIES[NAME], FAMILIES[NAME] | 1 << 32):
        for call, arguments in ((NUMBERS[0], (0,)), (NUMBERS[1], (0, PAIR))):
            opened = LIBC.syscall(call, ctypes.c_ulong(family), kind, *arguments)
            if opened >= 0 or ctypes.get_errno() != errno.EAFNOSUPPORT:
                FOUND.append(f"AF_{NAME} {kind} {errno.errorcode.get(ctypes.get_errno())}")
raise SystemError(f"got through: {FOUND}" if FOUND else f"AF_{NAME} is refused")


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
