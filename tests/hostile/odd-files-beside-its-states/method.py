"""Leaves things in the outbox under names and of kinds that a reader there may trip over."""

import json
import os
import pathlib
import socket

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")

VARIANT = ""
OUTBOX = pathlib.Path("/fmn/outbox")
JOB = json.loads(pathlib.Path("/fmn/job.json").read_text())


def pipes():
    for name in ("failures.jsonl", "a", "report.json"):
        os.mkfifo(OUTBOX / name)


def links():
    for name in ("progress.json", "failures.jsonl", "report.json"):
        (OUTBOX / name).unlink(missing_ok=True)  # the harness has reported its start there
        os.symlink("/etc/passwd", OUTBOX / name)


def odd_names():
    for name in ("\x1b[2J", "a\nb", "-rf", "..x", "\udcff", "x" * 255, "<script>", "%s%n", "$(touch x)"):
        (OUTBOX / name).mkdir()


def foreign_keys():
    for key in (JOB["root"], "0" * 64, "../" * 3 + "etc", JOB["segments"][0]["key"].upper()):
        (OUTBOX / key.replace("/", "_")).mkdir()


def endless_failures():
    line = json.dumps({"key": "0" * 64, "error": "environment"}) + "\n"
    (OUTBOX / "failures.jsonl").write_text(line * 100_000)


def deep_failures():
    (OUTBOX / "failures.jsonl").write_text("[" * 200_000 + "\n")


def sockets():
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(OUTBOX / "failures.jsonl"))


{"pipes": pipes, "links": links, "odd-names": odd_names, "foreign-keys": foreign_keys, "sockets": sockets,
 "endless-failures": endless_failures, "deep-failures": deep_failures}[VARIANT]()


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
