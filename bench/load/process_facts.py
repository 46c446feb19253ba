"""What a process holds of its machine at one moment: memory, descriptors, threads and children, from `/proc`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessFacts:
    """What this process holds.

    Attributes:
        resident_bytes: of memory.
        descriptors: open ones, without the one that counts them.
        threads: of the process, the main one included.
        children: processes that it has started and that are there, dead ones that nobody has waited for included.
    """

    resident_bytes: int
    descriptors: int
    threads: int
    children: int


def facts_now() -> ProcessFacts:
    """Return what this process holds now."""
    tasks = list(Path("/proc/self/task").iterdir())
    children = sum(len((task / "children").read_text().split()) for task in tasks)
    descriptors = len(list(Path("/proc/self/fd").iterdir())) - 1
    return ProcessFacts(status_bytes("VmRSS"), descriptors, len(tasks), children)


def status_bytes(name: str, process: str = "self") -> int:
    """Return a line of `/proc/PROCESS/status` in bytes: `VmRSS`, or `VmHWM`, the most that it ever had."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def reset_peak() -> None:
    """Let `VmHWM` begin anew with what the process has now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
