"""Importing torchvision where its compiled operators are missing: data sets and model definitions need none of them.

A torch built for the CPU alone beside a torchvision built for CUDA makes `import torchvision` die with `operator
torchvision::nms does not exist`: it describes operators that its library could not register. Declaring their schemas
before is enough for everything but the operators themselves. A torchvision that works is left as it is.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
"""What torchvision 0.26 to 0.28 describes at import without asking whether its library was loaded."""

_declared: list[torch.library.Library] = []
"""Kept: declarations end with the object that made them."""


def import_torchvision(module: str) -> ModuleType:
    """Import a module of torchvision, for instance `torchvision.datasets`.

    Raises:
        RuntimeError: torchvision cannot be imported for another reason.
    """
    try:
        return importlib.import_module(module)
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # what the failed import left behind
    library = torch.library.Library("torchvision", "FRAGMENT")
    _declared.append(library)
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + schema)
    return importlib.import_module(module)
