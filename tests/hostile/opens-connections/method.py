"""Tries every way out of the container; trains honestly if there is none."""

import pathlib
import socket
import struct

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

FOUND = []


def attempt(what, action):
    try:
        action()
        FOUND.append(what)
    except OSError:
        pass


def tcp(host, port):
    socket.create_connection((host, port), timeout=2).close()


def udp(family, host, port):
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.connect((host, port))
        sender.send(b"x")


attempt("TCP", lambda: tcp("1.1.1.1", 443))
attempt("TCP over IPv6", lambda: tcp("2606:4700:4700::1111", 443))
attempt("the bridge", lambda: tcp("172.17.0.1", 2375))
attempt("the metadata address", lambda: tcp("169.254.169.254", 80))
attempt("UDP", lambda: udp(socket.AF_INET, "8.8.8.8", 53))
attempt("multicast", lambda: udp(socket.AF_INET, "224.0.0.251", 5353))
attempt("DNS", lambda: socket.getaddrinfo("pypi.org", 443))
attempt("a raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attempt("a packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3))
attempt("the engine", lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"))
INTERFACES = [line.split(":")[0].strip() for line in pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]]
FOUND += [f"the interface {name}" for name in INTERFACES if name != "lo"]
FOUND += [f"a route: {line}" for line in pathlib.Path("/proc/net/route").read_text().splitlines()[1:]]

if FOUND:
    raise SystemError("got through: " + "; ".join(FOUND))


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
