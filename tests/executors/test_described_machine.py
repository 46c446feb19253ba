"""What the dispatcher remembers of its machine is what trainers see, and is asked again when anything differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark import machine
from benchmark.executors.described_machine import may_have_gpu, remembered_environment
from benchmark.executors.process import ProcessExecutor
from benchmark.training.environment import describe_environment

ON_X86 = {"vendor_id": "GenuineIntel", "model": "1", "model name": "Xeon", "flags": "fpu"}


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMN_CACHE", str(tmp_path / "cache"))


class Described:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> dict[str, Any]:
        self.count += 1
        return {"asked": self.count}


def test_a_machine_is_described_once_until_something_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "processor_fields", lambda: {**ON_X86, "cpu MHz": "1"})
    describe = Described()
    assert [remembered_environment(describe)["asked"] for _ in range(3)] == [1, 1, 1]
    monkeypatch.setattr(machine, "processor_fields", lambda: {**ON_X86, "cpu MHz": "2"})  # changes by the moment
    assert remembered_environment(describe) == {"asked": 1}
    monkeypatch.setattr(machine, "processor_fields", lambda: {**ON_X86, "flags": "fpu avx512f"})
    assert remembered_environment(describe) == {"asked": 2}


def test_a_machine_that_cannot_be_told_from_others_is_always_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "processor_fields", dict[str, str])
    describe = Described()
    assert [remembered_environment(describe)["asked"] for _ in range(2)] == [1, 2]


def test_a_damaged_note_is_made_again(tmp_path: Path) -> None:
    describe = Described()
    remembered_environment(describe)
    [note] = (tmp_path / "cache" / "machines").iterdir()
    note.write_bytes(note.read_bytes()[:-3] + b"???")
    assert remembered_environment(describe) == {"asked": 2}


def test_what_is_remembered_is_what_torch_says_here() -> None:
    """The names of all states depend on it."""
    assert ProcessExecutor().environment("cpu") == describe_environment(torch.device("cpu"))
    assert ProcessExecutor().environment("cpu") == describe_environment(torch.device("cpu"))


@pytest.mark.parametrize(("device", "found"), [("nvidia0", True), ("nvidiactl", True), ("dxg", True), ("null", False)])
def test_torch_is_not_asked_for_a_gpu_where_no_driver_has_a_device(device: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / device).touch()
    assert may_have_gpu(tmp_path) is found
