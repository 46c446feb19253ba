"""Opens a socket of every number that could be a family; only AF_UNIX may."""

import errno
import pathlib
import socket

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

FOUND = []
for family in range(64):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(family, kind).close()
            FOUND += [f"family {family}"] if family != socket.AF_UNIX else []
        except OSError as error:
            allowed = (errno.EAFNOSUPPORT, errno.ESOCKTNOSUPPORT) if family == socket.AF_UNIX else (errno.EAFNOSUPPORT,)
            FOUND += [f"family {family}: {error}"] if error.errno not in allowed else []

if FOUND:
    raise SystemError("got through: " + "; ".join(FOUND))


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
