"""Runs a trainer on a node, after a look at whether that node computes as the one did that names states.

    python -I -m benchmark.executors.slurm.same_node ENVIRONMENT_FILE UNLIKE_FILE DEVICE MODULE ARGUMENTS...

Submitted code has not been read at that moment.
"""

from __future__ import annotations

import json
import platform
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
    """Compare, and either run the module or write down how this node differs and end."""
    expected_file, unlike_file, device, module = sys.argv[1:5]
    expected = json.loads(Path(expected_file).read_text(encoding="utf-8"))
    differing = differences(expected, describe_environment(torch.device(device)))
    if differing:
        said = f"{platform.node()}: {'; '.join(differing)}"
        Path(unlike_file).write_text(said, encoding="utf-8")
        sys.exit(said)
    del sys.argv[1:5]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
