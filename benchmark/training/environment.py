"""Everything about a machine that was seen to change bits; its digest is part of every state's name."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

TRAINER_THREADS = 1
"""One and two threads give different bits and three two-thread trainers on two cores were 57 times slower."""

LIBRARIES = ("torch", "kornia", "numpy")
"""Libraries whose versions change what is computed in a trainer."""


def configure(device: torch.device) -> None:
    """Put this process into the mode that the environment digest describes."""
    torch.set_num_threads(TRAINER_THREADS)
    if device.type == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Describe the mode of `configure` on this machine as canonical JSON values."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {name: version(name) for name in LIBRARIES},
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "device": device.type,
        "device_model": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_model(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": TRAINER_THREADS,
        "memory_format": "channels_last",
        "dtype": "float32",
    }


def cpu_model() -> str:
    """Name the processor: libraries choose kernels by vendor and instruction set."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    parts = [value.strip() for name, value in fields.items() if name.strip() in ("vendor_id", "model name", "model")]
    return " ".join(parts) or platform.processor()


def pick_device(choice: str) -> torch.device:
    """Resolve `auto`, `cpu` or `cuda`.

    Raises:
        ValueError: `cuda` was asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if choice == "cuda" and not has_gpu:
        raise ValueError("DEVICE: expected a visible CUDA GPU for `cuda`, found none; use DEVICE=cpu or DEVICE=auto")
    return torch.device("cuda" if choice == "cuda" or (choice == "auto" and has_gpu) else "cpu")
