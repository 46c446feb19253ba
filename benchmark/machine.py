"""What this machine is: how many cores, how much memory a process took, which processor. Standard library alone.

The one place for what Linux and macOS answer differently. What it says of the processor is part of every state's key.
"""

from __future__ import annotations

import logging
import os
import platform
import resource
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

logger = logging.getLogger(__name__)

LIBRARIES = ("torch", "kornia", "numpy")
"""Libraries whose versions change what is computed in a trainer."""

_ARM_FIELDS = ("CPU implementer", "CPU part")
"""What tells ARM processors apart: /proc/cpuinfo has no name for them."""


def available_cores() -> int:
    """Return the number of cores that this process may use, at least 1; all cores where the system cannot say."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1  # macOS binds no process to cores


def peak_resident_bytes(who: int = resource.RUSAGE_SELF) -> int:
    """Return the largest resident memory so far, of this process or of its children that have ended."""
    peak = resource.getrusage(who).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB


def memory_bytes() -> int:
    """Return the size of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def cpu_model() -> str:
    """Return the processor's vendor and model, or ARM's implementer and part: libraries choose kernels by them."""
    fields = processor_fields()
    parts = [fields[name] for name in ("vendor_id", "model", "model name") if name in fields]
    if not parts and all(name in fields for name in _ARM_FIELDS):
        parts = [platform.machine(), *(f"{name.removeprefix('CPU ')} {fields[name]}" for name in _ARM_FIELDS)]
    return " ".join(parts) or platform.processor()


def has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 natively."""
    return bool({"avx512_bf16", "amx_bf16"} & _flags(processor_fields()))


def bfloat16_wins() -> bool:
    """Return whether training in bfloat16 is faster than in float32 on this processor.

    Where it is emulated, it is slower. With the dot products of AVX-512 alone, Intel's processors are 15 to 25 % slower
    in it, because every operand is converted first; with AMX, or on AMD's processors, they gain.
    """
    fields = processor_fields()
    return "amx_bf16" in _flags(fields) or (has_bfloat16() and fields.get("vendor_id") != "GenuineIntel")


def _flags(fields: Mapping[str, str]) -> set[str]:
    return set(fields.get("flags", "").split())


@cache
def processor_fields() -> dict[str, str]:
    """Return the fields of the last processor in /proc/cpuinfo; none on systems without that file."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        logger.debug("/proc/cpuinfo cannot be read (%s): the platform's name of the processor is used", error)
        return {}
    return {name.strip(): value.strip() for name, value in (line.split(":", 1) for line in lines if ":" in line)}
