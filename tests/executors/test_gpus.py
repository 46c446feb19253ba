"""Several GPUs of a machine: which are named, who gets which. Lists of names stand in for hardware."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.evaluation.scheduling.concurrency import (
    FILLS_A_GPU_FLOPS,
    TRAINERS_SHARING_A_GPU,
    trainers_at_once,
    trainers_per_device,
)
from benchmark.executors import process as process_executor
from benchmark.executors.base import PreparedJob
from benchmark.executors.child_process import ChildProcess
from benchmark.executors.docker.limits import gpu_request, known_gpus
from benchmark.executors.gpus import GpuPool, chosen_gpus, demand_one_model, named_gpus
from benchmark.executors.output_log import LogFile
from benchmark.executors.process import ProcessExecutor
from benchmark.scoring.reading import device as reading_device
from benchmark.training import environment
from tests.training.tiny import job_without_segments

FOUR = ["H200"] * 4


@pytest.mark.parametrize("choice", ["tpu", "cuda:", "cuda:a", "cuda:0,", "cuda:-1", "cuda:0,0", "cpu:0", "cuda:\u0662"])
def test_what_is_no_device_is_refused(choice: str) -> None:
    with pytest.raises(ValueError, match="DEVICE: expected"):
        named_gpus(choice)


def test_all_visible_gpus_are_chosen_unless_some_are_named_by_their_places() -> None:
    visible = ["4", "5", "GPU-c0ffee"]
    assert chosen_gpus("cuda", visible) == chosen_gpus("auto", visible) == tuple(visible)
    assert chosen_gpus("cuda:2,0", visible) == ("GPU-c0ffee", "4")
    with pytest.raises(ValueError, match=r"expected numbers of visible GPUs, 0 to 2, got 3 in 'cuda:0,3'"):
        chosen_gpus("cuda:0,3", visible)


def test_gpus_of_two_models_are_refused_because_they_compute_other_bits() -> None:
    demand_one_model(FOUR)
    with pytest.raises(ValueError, match="expected GPUs of one model, got 0: H200, 1: H100; name those of one"):
        demand_one_model(["H200", "H100"])


def test_a_trainer_gets_the_gpu_with_the_fewest_others() -> None:
    pool = GpuPool(["0", "1"])
    assert [pool.take() for _ in range(4)] == ["0", "1", "0", "1"]
    pool.give_back("1")
    assert [pool.take(), pool.take()] == ["1", "0"]


class Started:
    """Stands in for a child process and notes the GPUs that it sees."""

    seen: list[Sequence[str] | None]
    children: list[Started]

    def __init__(
        self, *arguments: object, gpus: Sequence[str] | None = None, compiler_cache: Path | None = None
    ) -> None:
        self.seen.append(gpus)
        self.children.append(self)
        self.code: int | None = None

    def poll(self) -> int | None:
        """Return what a test has decided."""
        return self.code

    def kill(self) -> None:
        """End it."""
        self.code = -9


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str] | None]:
    Started.seen, Started.children = [], []
    monkeypatch.setattr(process_executor, "ChildProcess", Started)
    monkeypatch.setattr(process_executor, "may_have_gpu", lambda: True)
    monkeypatch.setattr(environment, "gpu_models", lambda: FOUR)
    monkeypatch.setattr(environment.torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return Started.seen


def job_at(folder: Path, device: Any) -> PreparedJob:
    job = job_without_segments().model_copy(update={"device": device})
    return PreparedJob(job, folder, folder, folder, folder, folder, folder / "log")


def test_trainers_are_spread_over_the_gpus_and_a_free_one_is_taken_first(
    started: list[Sequence[str] | None], tmp_path: Path
) -> None:
    executor = ProcessExecutor()
    assert executor.pick_device("cuda:1,3") == "cuda"
    assert executor.gpus == ("1", "3")
    first, second = (executor.start(job_at(tmp_path, "cuda")) for _ in range(2))
    second.kill()
    second.kill()  # gives its GPU back once
    executor.start(job_at(tmp_path, "cuda"))
    Started.children[0].code = 0
    assert first.poll() == first.poll()
    executor.start(job_at(tmp_path, "cuda"))
    executor.start(job_at(tmp_path, "cpu"))
    assert started == [["1"], ["3"], ["3"], ["1"], None]


def test_the_gpus_that_are_visible_to_the_dispatcher_are_counted_from_zero(
    started: list[Sequence[str] | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7,5,3,1")
    executor = ProcessExecutor()
    executor.pick_device("cuda:0,2")
    assert executor.gpus == ("7", "3")
    assert ProcessExecutor().pick_device("cpu") == "cpu"


def test_a_child_sees_the_gpus_that_it_was_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environments: list[dict[str, str]] = []

    def refuse(*arguments: object, env: dict[str, str], **more: object) -> None:
        environments.append(env)
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    for gpus in (["2"], ["0", "1"], None):
        with pytest.raises(FileNotFoundError):
            ChildProcess(["module"], tmp_path, LogFile(tmp_path / "log"), gpus=gpus)
    assert [each["CUDA_VISIBLE_DEVICES"] for each in environments] == ["2", "0,1", "0,1,2"]
    assert not any("TORCHINDUCTOR_CACHE_DIR" in each for each in environments)
    with pytest.raises(FileNotFoundError):
        ChildProcess(["module"], tmp_path, LogFile(tmp_path / "log"), compiler_cache=tmp_path / "compiled")
    assert environments[-1]["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "compiled")


def test_more_gpus_train_more_seeds_at_once_and_share_none_more() -> None:
    executor = ProcessExecutor()
    executor._pool = GpuPool("0123")  # pyright: ignore[reportPrivateUsage] - no hardware is here
    assert trainers_at_once("cuda", 1.0, 64, executor) == 4 * TRAINERS_SHARING_A_GPU
    assert trainers_at_once("cuda", FILLS_A_GPU_FLOPS, 64, executor) == 4
    assert trainers_at_once("cuda", FILLS_A_GPU_FLOPS, 3, executor) == 3
    assert [trainers_per_device("cuda", at_once, executor) for at_once in (1, 4, 6, 16)] == [1, 1, 2, 4]
    assert trainers_per_device("cuda", 4, ProcessExecutor()) == 4


def test_an_engine_is_asked_for_the_gpus_that_it_names() -> None:
    devices = [{"ID": f"nvidia.com/gpu={name}"} for name in ("10", "2", "all", "GPU-c0ffee")]
    assert known_gpus({"DiscoveredDevices": devices}) == ("2", "10")
    assert known_gpus({"Runtimes": {"nvidia": {}}}) == ("0",)
    asked = gpu_request({"DiscoveredDevices": devices}, "2", "10")
    assert asked["DeviceIDs"] == ["nvidia.com/gpu=2", "nvidia.com/gpu=10"]


def test_processes_of_the_scorer_take_the_gpus_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    monkeypatch.setattr(reading_device.torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(reading_device.torch.cuda, "set_device", used.append)
    for number in range(5):
        reading_device.use_gpu(number)
    assert used == [0, 1, 2, 0, 1]
