"""What a machine says about itself is part of every key: its compiler and its bfloat16, where they work."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmark import machine
from benchmark.training import environment
from benchmark.training.environment import compiler, describe_environment, has_native_bfloat16

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_a_compiler_is_part_of_the_environment_of_a_gpu_alone_and_only_where_it_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(environment.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(environment.sysconfig, "get_paths", lambda scheme: {"include": str(tmp_path)})
    monkeypatch.setattr(environment.os, "statvfs", lambda folder: SimpleNamespace(f_flag=0))
    monkeypatch.setattr(environment, "version", lambda name: "9.9")
    assert compiler(GPU) == "triton 9.9"
    assert compiler(CPU) is None
    assert "compiler" not in describe_environment(CPU)
    monkeypatch.setattr(environment.os, "statvfs", lambda folder: SimpleNamespace(f_flag=os.ST_NOEXEC))
    assert compiler(GPU) is None  # what Triton builds could not be loaded
    monkeypatch.setattr(environment.os, "statvfs", lambda folder: SimpleNamespace(f_flag=0))
    (tmp_path / "Python.h").unlink()
    assert compiler(GPU) is None
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    assert compiler(GPU) is None


@pytest.mark.parametrize(
    ("vendor", "flags", "native", "declined"), [
        ("GenuineIntel", "avx512_bf16 amx_bf16", True, False),
        ("GenuineIntel", "fpu sse avx512_bf16", False, True),  # 15 to 25 % slower in it than in float32
        ("AuthenticAMD", "fpu sse avx512_bf16", True, False),
        ("GenuineIntel", "fpu avx512f bf16", False, False),
        ("x", "", False, False),
    ],
)  # fmt: skip
def test_bfloat16_is_used_where_it_wins_and_the_environment_says_where_it_does_not(
    vendor: str, flags: str, native: bool, declined: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "processor_fields", lambda: {"flags": flags, "vendor_id": vendor, "model": "1"})
    assert has_native_bfloat16(CPU) is native
    described = describe_environment(CPU)
    assert described["native_bfloat16"] is native
    assert ("bfloat16" in described) is declined  # elsewhere, names of states stay what they were
