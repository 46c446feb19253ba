"""One place says what the machine is, on systems that answer differently too."""

from __future__ import annotations

import os
import platform
import resource
import sys
from types import SimpleNamespace

import pytest

from benchmark import machine


def test_cores_are_counted_where_no_process_is_bound_to_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac has no `os.sched_getaffinity`: nothing could start there."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.available_cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.available_cores() == 1


def test_cores_that_the_process_may_not_use_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert machine.available_cores() == 2


@pytest.mark.parametrize(("system", "expected"), [("linux", 3 * 1024), ("darwin", 3)])
def test_memory_is_in_bytes_whatever_the_system_counts_in(
    system: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=3))
    assert machine.peak_resident_bytes() == expected


X86 = {"vendor_id": "GenuineIntel", "model": "143", "model name": "Xeon", "flags": "fpu"}
ARM = {"CPU implementer": "0x41", "CPU part": "0xd40", "Features": "fp asimd"}


def test_unlike_processors_have_unlike_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ARM processor used to be `aarch64` in the names of states."""
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    names: list[str] = []
    for fields in (X86, ARM, {**ARM, "CPU part": "0xd4f"}):
        monkeypatch.setattr(machine, "processor_fields", lambda fields=fields: fields)
        names.append(machine.cpu_model())
    assert names == [
        "GenuineIntel 143 Xeon", "aarch64 implementer 0x41 part 0xd40", "aarch64 implementer 0x41 part 0xd4f",
    ]  # fmt: skip


def test_a_system_without_cpuinfo_gives_the_name_that_python_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "processor_fields", dict[str, str])
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    assert machine.cpu_model() == "arm"
