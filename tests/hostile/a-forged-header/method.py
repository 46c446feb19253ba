"""Delivers a file of the right size whose header tells something else: a name, a dtype, a shape."""

import json
import pathlib
import sys

import torch.nn.functional as F
from torch import nn

from benchmark.method.contract import Method

VARIANT = ""
FILE = "mask.safetensors" if VARIANT == "name-in-the-mask" else "encoder.safetensors"

if not pathlib.Path("/fmn/outbox").is_dir():
    raise RuntimeError("this submission attacks whatever runs it: only a trainer's container may")


def edit(header):
    name = sorted(header)[0]
    match VARIANT:
        case "name" | "name-in-the-mask":
            header["x" * len(name)] = header.pop(name)
        case "odd-name":
            header["\x00\x1b[2J<a"] = header.pop(max(header, key=len))
        case "dtype":
            header[name]["dtype"] = "I32"
        case "shape":
            next(each["shape"] for each in header.values() if len(set(each["shape"])) > 1).reverse()


def spoil(path):
    """Change the header and keep the size, which is all that is looked at before a file is read."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    edit(header)
    text = json.dumps(header, separators=(",", ":")).encode()
    if len(text) > length:
        raise RuntimeError("the new header does not fit")
    path.write_bytes(content[:8] + text.ljust(length) + content[8 + length :])


TRAINER = sys.modules["__main__"]
HONEST = TRAINER.save_state


def save_state(state, directory, *, resumable=True):
    HONEST(state, directory, resumable=resumable)
    spoil(directory / FILE)


TRAINER.save_state = save_state


class Learner(Method):
    """Cross-entropy on the images as they are."""

    def __init__(self, setting):
        super().__init__(setting)
        self.head = nn.Linear(setting.feature_dim, setting.num_classes)

    def loss(self, encoder, views_VBCHW, labels_B):
        return F.cross_entropy(self.head(encoder(views_VBCHW[0])), labels_B)
