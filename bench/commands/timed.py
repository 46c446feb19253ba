"""One command of `fmn` in a process of its own: what it takes of time, processor and memory."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.machine import available_cores, cpu_model

HEAD = "| command | wall | processor | memory | reach |\n|---|---|---|---|---|"
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Spent:
    """What a command took.

    Attributes:
        wall_s: what a person waits.
        processor_s: seconds of processors, those of its own children included.
        peak_bytes: largest memory of the process, resident, without its children.
    """

    wall_s: float
    processor_s: float
    peak_bytes: int


def environment_in(folder: str) -> dict[str, str]:
    """Return an environment in which commands keep everything in a folder, and import this tree."""
    environment = os.environ | {f"FMN_{name}": f"{folder}/{name}" for name in ("HOME", "CONFIG", "CACHE")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    return environment


def run(words: Sequence[str], environment: dict[str, str], folder: str, module: str = "benchmark") -> Spent:
    """Run a command in a folder.

    Args:
        words: of the command, after its name.
        environment: of the process.
        folder: in which it works.
        module: what is run; `benchmark` is `fmn`.

    Raises:
        CalledProcessError: it failed; holds what it said.
    """
    command = [sys.executable, "-m", module, *words]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said, subprocess.Popen(
        command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - started
        if process.returncode:
            said.seek(0)
            raise subprocess.CalledProcessError(process.returncode, command, said.read())
    return Spent(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def machine() -> str:
    """Name what numbers were measured on, and how busy it is."""
    load = os.getloadavg()[0]
    return f"{available_cores()} cores of {cpu_model()}, Python {platform.python_version()}, load {load:.1f} before"


def row(name: str, found: Sequence[Spent], reach: str) -> str:
    """Write a line of a table: median and range of the wall time, medians of the rest."""
    wall_s = [each.wall_s for each in found]
    spread = f"{statistics.median(wall_s):.2f} s [{min(wall_s):.2f}, {max(wall_s):.2f}]"
    processor_s = statistics.median(each.processor_s for each in found)
    peak = statistics.median(each.peak_bytes for each in found) / 2**30
    return f"| {name} | {spread} | {processor_s:.2f} s | {peak:.2f} GiB | {reach} |"
