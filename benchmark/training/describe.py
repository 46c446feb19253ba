"""Describes the machine as a trainer on it sees it, in one line of JSON on standard output.

    python -I -m benchmark.training.describe --device cpu

An executor runs this where its trainers run, because the description is part of every state's name.
"""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any

from pydantic import BaseModel, ConfigDict


class MachineDescription(BaseModel):
    """What a trainer sees of its machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    environment: dict[str, Any] | None
    """Everything that can change bits, as canonical JSON values; None if torch sees no such device."""
    python: str
    """Release of Python, which changes no bits."""


def describe_machine(device: str) -> MachineDescription:
    """Return what a trainer on `device` (`cpu` or `cuda`) sees here."""
    import torch  # takes seconds, which a dispatcher that reads a description need not wait for

    from benchmark.training.environment import describe_environment

    is_visible = device == "cpu" or torch.cuda.is_available()
    environment = describe_environment(torch.device(device)) if is_visible else None
    return MachineDescription(environment=environment, python=platform.python_version())


def main() -> None:
    """Print the description of this machine."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.training.describe", description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    print(json.dumps(describe_machine(parser.parse_args().device).model_dump()))


if __name__ == "__main__":
    main()
