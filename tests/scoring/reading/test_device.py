"""Where models are read: what of it names numbers, how many processes share a GPU, and settings of old jobs."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
import torch

from benchmark.scoring.compute import DEFAULT_CHUNK_BYTES, MIB, Compute, Device
from benchmark.scoring.metric import Column, ModelMetric, Outcome
from benchmark.scoring.reading.device import MOST_PROCESSES, configure, facts_that_change_bits, processes_that_fit
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.scoring_job import RunToScore, ScoringJob, TaskToScore
from benchmark.spec.documents.loading import load_spec

GIB = 2**30
FIXED = ModelMetric(
    name="fixed", version=3, settings=lambda evaluation: {"k": 7}, measure=lambda *_: Outcome({}), reads_dense=True,
    columns=(Column(name="fixed/number", title="Number", better="neither", description="A number."),),
)  # fmt: skip


def reader(compute: Compute | None = None) -> TaskReader:
    task = TaskToScore(
        name="digits/resnet8", index=0, num_classes=10, train_file=Path("train"), test_file=Path("test"),
        train_digest="a" * 64, test_digest="b" * 64, runs=(run("dense", "0", 0), run("dense", "0", 1)),
    )  # fmt: skip
    spec = load_spec("digits")
    return TaskReader(spec, task, Path("cache"), compute) if compute else TaskReader(spec, task, Path("cache"))


def run(schedule: str, sparsity: str, seed: int) -> RunToScore:
    return RunToScore(
        schedule=schedule, sparsity=Decimal(sparsity), seed=seed, state_key=f"{schedule}-{seed}", num_pruned=(),
        directory=Path("state"),
    )  # fmt: skip


def key(reader: TaskReader) -> str:
    return reader._key(run("early", "0.9", 0), FIXED)  # pyright: ignore[reportPrivateUsage]


def on_a(monkeypatch: pytest.MonkeyPatch, name: str) -> TaskReader:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: name)
    return reader(Compute.on("cuda"))


def test_the_key_of_a_number_read_on_a_cpu_is_what_it_was_before_gpus_could_read() -> None:
    """Another key would read again everything that was ever read."""
    assert key(reader()) == "15d9b800b0739177659e8d6756389cf7d1c83e1a0c98e44709eb63f116664f66"
    assert key(reader(Compute.on("cpu"))) == key(reader(Compute.on("cpu", 16))) == key(reader())


def test_a_number_read_on_a_gpu_is_named_after_the_model_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = key(on_a(monkeypatch, "NVIDIA H100")), key(on_a(monkeypatch, "NVIDIA H200"))
    assert len({one, other, key(reader())}) == 3


def test_another_size_of_chunks_may_change_last_bits_and_is_named() -> None:
    assert key(reader(Compute.on("cpu", 3))) != key(reader())
    assert facts_that_change_bits(Compute.on("cpu", 3)) == {"chunk_bytes": 3 * MIB}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_chunks_are_of_the_usual_size_unless_somebody_chooses(device: Device) -> None:
    assert Compute.on(device) == Compute(device, DEFAULT_CHUNK_BYTES[device])
    assert Compute.on(device, 5) == Compute(device, 5 * 2**20)


def test_a_job_that_names_no_device_is_read_on_a_cpu_as_before() -> None:
    job = ScoringJob(spec=load_spec("digits"), tasks=(), cache=Path("cache"), workers=1, device="cuda", chunk_mib=9)
    told = json.loads(job.model_dump_json())
    assert ScoringJob.model_validate(told) == job
    assert job.compute == Compute("cuda", 9 * MIB)
    del told["device"], told["chunk_mib"]
    assert ScoringJob.model_validate(told).compute == Compute()


def test_as_many_processes_share_a_gpu_as_its_free_memory_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each needs half a GiB, six chunks of a quarter, and 50,000 images of 32 x 32 in floats, doubles and squares."""
    compute, num_largest = Compute.on("cuda", 256), 50_000 * 3 * 32 * 32
    each = GIB // 2 + 6 * 256 * MIB + 20 * num_largest
    for free, expected in ((each - 1, 1), (3 * each - 1, 2), (3 * each, 3), (100 * each, MOST_PROCESSES)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda free=free: (free, 200 * each))
        assert processes_that_fit(compute, 16, num_largest) == expected
    assert processes_that_fit(Compute.on("cuda", 16), 10**6, 1) == MOST_PROCESSES
    assert processes_that_fit(Compute(), 16, num_largest) == 16


def test_a_scorer_that_is_asked_for_a_gpu_and_sees_none_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="found none; use DEVICE=cpu"):
        configure("cuda")


def test_on_a_cpu_nothing_is_configured() -> None:
    configure("cpu")
    assert not torch.are_deterministic_algorithms_enabled()
