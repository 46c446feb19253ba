"""Uses up memory where it may not be looked for."""

import mmap
import os
import pathlib
import threading

import torch
import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

VARIANT = ""


def fill_shared_memory():
    for number in range(64):
        with open(f"/dev/shm/{number}", "wb") as file:
            file.write(b"x" * (1 << 20))


def fill_anonymous_memory():
    held = []
    while True:
        piece = mmap.mmap(-1, 64 << 20)
        for place in range(0, 64 << 20, 4096):
            piece[place] = 1
        held.append(piece)


def fill_tensors():
    held = []
    while True:
        held.append(torch.ones(16 << 20))


def fill_in_threads():
    for _ in range(4):
        threading.Thread(target=fill_tensors).start()


def fill_a_memory_file():
    descriptor = os.memfd_create("filler")
    while True:
        os.write(descriptor, b"x" * (16 << 20))


{"mmap": fill_anonymous_memory, "tensors": fill_tensors, "threads": fill_in_threads, "memory-file": fill_a_memory_file,
 "many-small-files": lambda: [fill_shared_memory() for _ in range(2)]}[VARIANT]()


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
