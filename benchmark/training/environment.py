"""The machine and the mode in which a trainer computes: everything that was seen to change bits.

The digest of `describe_environment` is part of every state's key.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import platform
import shutil
import sysconfig
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

logger = logging.getLogger(__name__)

TRAINER_THREADS = 1
"""One and two threads give different bits, and three two-thread trainers on two cores were 57 times slower."""

LIBRARIES = ("torch", "kornia", "numpy")
"""Libraries whose versions change what is computed in a trainer."""


def configure(device: torch.device) -> None:
    """Put this process into the mode that `describe_environment` describes."""
    torch.set_num_threads(TRAINER_THREADS)
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
    """Return whether the device multiplies bfloat16 natively; where it is emulated, it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool({"avx512_bf16", "amx_bf16"} & set(_processor_fields().get("flags", "").split()))


def cpu_model() -> str:
    """Return the processor's vendor and model: libraries choose kernels by them."""
    fields = _processor_fields()
    parts = [fields[name] for name in ("vendor_id", "model", "model name") if name in fields]
    return " ".join(parts) or platform.processor()


@cache
def _processor_fields() -> dict[str, str]:
    """Return the fields of the last processor in /proc/cpuinfo; none on systems without that file."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        logger.debug("/proc/cpuinfo cannot be read (%s): the platform's name of the processor is used", error)
        return {}
    return {name.strip(): value.strip() for name, value in (line.split(":", 1) for line in lines if ":" in line)}


def pick_device(choice: str) -> torch.device:
    """Return the device for `auto`, `cpu` or `cuda`; `auto` takes a GPU where there is one.

    Raises:
        ValueError: `cuda` was asked for, and no GPU is visible.
    """
    has_gpu = torch.cuda.is_available()
    if choice == "cuda" and not has_gpu:
        raise ValueError("DEVICE: expected a visible CUDA GPU for `cuda`, found none; use DEVICE=cpu or DEVICE=auto")
    return torch.device("cuda" if choice == "cuda" or (choice == "auto" and has_gpu) else "cpu")
