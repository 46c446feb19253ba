"""Runs a trainer on a node, after a look at whether that node computes as the one did that names states.

    python -I -m benchmark.training.starting.same_node ENVIRONMENT_FILE DESCRIPTOR DEVICE MODULE ARGUMENTS...

How the node differs is written into a pipe, which is closed before a line of submitted code is read: nothing that the
submission does later can look like an answer of this module.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import torch

from benchmark.training.environment import describe_environment


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Say in which facts two environments differ, in their own words."""
    names = [name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name)]
    return [f"{name} is {found.get(name)!r} and not {expected.get(name)!r}" for name in names]


def main() -> None:
    """Compare, and either run the module or say how this node differs and end."""
    expected_file, descriptor, device, module = sys.argv[1:5]
    expected = json.loads(Path(expected_file).read_text(encoding="utf-8"))
    differing = "; ".join(differences(expected, describe_environment(torch.device(device))))
    with os.fdopen(int(descriptor), "w", encoding="utf-8") as answer:
        answer.write(differing)
    if differing:
        sys.exit(differing)
    del sys.argv[1:5]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
