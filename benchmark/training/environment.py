"""The machine and the mode in which a trainer computes: everything that was seen to change bits.

The digest of `describe_environment` is part of every state's key.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sysconfig
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmark import machine
from benchmark.late_dynamo import load_dynamo_when_used
from benchmark.machine import LIBRARIES, cpu_model

TRAINER_THREADS = 1
"""One and two threads give different bits, and three two-thread trainers on two cores were 57 times slower."""

_DECLINED = {"bfloat16": "native, and slower than float32 on this processor: not used"}
"""Said of processors that have bfloat16 and are slower with it."""


def configure(device: torch.device) -> None:
    """Put this process into the mode that `describe_environment` describes."""
    torch.set_num_threads(TRAINER_THREADS)
    if device.type == "cpu":
        load_dynamo_when_used()  # nothing is compiled for a CPU
    if device.type == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True)
        # Filling shows who reads uninitialised memory, and costs a tenth of an update. Documented, not in the stubs.
        torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
        torch.backends.cudnn.benchmark = False


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Return the mode of `configure` on this machine as values for canonical JSON."""
    compiled_by = compiler(device)
    return {
        **({} if compiled_by is None else {"compiler": compiled_by}),
        **(_DECLINED if device.type == "cpu" and machine.has_bfloat16() and not machine.bfloat16_wins() else {}),
        "python": ".".join(platform.python_version_tuple()[:2]),  # releases of one Python compute alike
        "machine": platform.machine(),
        "versions": {name: version(name) for name in LIBRARIES},
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "device": device.type,
        "device_model": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_model(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": TRAINER_THREADS,
        "memory_format": "channels_last",
        "native_bfloat16": has_native_bfloat16(device),
    }


def compiler(device: torch.device) -> str | None:
    """Return the name and version of what compiles encoders for a device: Triton on a GPU, else None.

    Triton builds and loads C code of its own. It is usable only where there are gcc or clang, Python's headers, and
    folders in which files may be executed.
    """
    if device.type != "cuda" or importlib.util.find_spec("triton") is None:
        return None
    scheme = sysconfig.get_default_scheme().replace("posix_local", "posix_prefix")  # as Triton asks
    headers = Path(sysconfig.get_paths(scheme=scheme)["include"], "Python.h")
    has_c = any(map(shutil.which, ("gcc", "clang"))) and headers.is_file()
    executes = all(not os.statvfs(folder).f_flag & os.ST_NOEXEC for folder in (Path.home(), tempfile.gettempdir()))
    return f"triton {version('triton')}" if has_c and executes else None


def has_native_bfloat16(device: torch.device) -> bool:
    """Return whether encoders compute in bfloat16 on the device, where a specification asks for it.

    A GPU does if it multiplies it natively, a processor if it is faster with it than with float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return machine.bfloat16_wins()


def gpu_models() -> list[str]:
    """Return the names of the models of all visible GPUs, by their numbers."""
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def pick_device(choice: str) -> torch.device:
    """Return the device for `auto`, `cpu` or `cuda`; `auto` takes a GPU where there is one.

    Raises:
        ValueError: `cuda` was asked for, and no GPU is visible.
    """
    has_gpu = torch.cuda.is_available()
    if choice == "cuda" and not has_gpu:
        raise ValueError("DEVICE: expected a visible CUDA GPU for `cuda`, found none; use DEVICE=cpu or DEVICE=auto")
    return torch.device("cuda" if choice == "cuda" or (choice == "auto" and has_gpu) else "cpu")
