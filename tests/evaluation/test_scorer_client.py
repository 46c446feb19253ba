"""What the scorer is asked: where models were trained they are read, in pieces that the user may choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark.evaluation.scorer_client import chosen_chunk_mib
from benchmark.executors.docker import containers
from benchmark.executors.docker import executor as docker_executor
from benchmark.executors.docker.engine import EngineError
from benchmark.executors.docker.executor import DockerExecutor
from benchmark.scoring.compute import Compute, Device
from benchmark.scoring.scoring_job import ScoringJob
from benchmark.spec import BenchmarkSpec, UserError
from benchmark.spec.documents.loading import load_spec
from benchmark.store.layout import SCORING_PREFIX, Home
from tests.conftest import Evaluated
from tests.executors.warm import evaluate_warm, request, scoring_job

CHUNK = "FMN_SCORING_CHUNK_MIB"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_scorer_reads_where_trainers_trained(
    evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path, device: Device
) -> None:
    prepared = replace(request(tiny_spec, plain, evaluated.root), device=device)
    job = scoring_job(prepared, evaluated.root)
    assert job.compute == Compute.on(device)
    assert job.chunk_mib is None


def test_the_scorer_is_told_what_memory_the_user_has_chosen(
    evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHUNK, "64")
    job = scoring_job(request(tiny_spec, plain, evaluated.root), evaluated.root)
    assert job.compute.chunk_bytes == 64 * 2**20


@pytest.mark.parametrize(("asked", "expected"), [("1", 1), (" 64 ", 64), ("65536", 65536), ("", None), ("  ", None)])
def test_a_size_is_a_number_of_mib_or_nothing(
    asked: str, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHUNK, asked)
    assert chosen_chunk_mib() == expected
    monkeypatch.delenv(CHUNK)
    assert chosen_chunk_mib() is None


@pytest.mark.parametrize("asked", ["0", "-1", "65537", "1.5", "64 MiB", "many", "9" * 5000, "²", "١٢"])
def test_another_size_is_refused_with_what_was_expected(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHUNK, asked)
    with pytest.raises(UserError) as caught:
        chosen_chunk_mib()
    (problem,) = caught.value.problems
    assert problem.where == CHUNK
    assert "whole number of MiB from 1 to 65536" in str(problem)
    assert len(str(problem)) < 200


def test_a_wrong_size_is_refused_before_anything_is_trained(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHUNK, "none")
    with pytest.raises(UserError, match="MiB"):
        evaluate_warm(tiny_spec, plain, tmp_path)
    assert not list(tmp_path.glob("segments/*"))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_scorers_container_has_the_gpu_that_its_job_asks_for(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an engine: what would be started is looked at, and nothing is."""
    home = Home(tmp_path)
    home.outcomes.mkdir(parents=True)
    home.data.mkdir()
    job = ScoringJob(spec=load_spec("digits"), tasks=(), cache=home.outcomes, workers=1, device=device)
    (tmp_path / "job.json").write_text(job.model_dump_json())
    asked: list[Mapping[str, Any]] = []

    def start(image: object, command: list[str], config: Mapping[str, Any], labels: Mapping[str, str]) -> None:
        asked.append(config)
        raise EngineError("nothing is started in this test")

    image = SimpleNamespace(id="image", labels={docker_executor.CODE_LABEL: docker_executor.code_digest()})
    info = {"Runtimes": {"nvidia": {}}, "MemTotal": 8 << 30}
    engine = SimpleNamespace(start=start, info=lambda: info, image=lambda tag: image, is_podman=False)
    monkeypatch.setattr(docker_executor, "Engine", lambda: engine)
    monkeypatch.setattr(containers, "Watchdog", lambda dispatcher, log: None)
    executor = DockerExecutor(home, gpu="3")
    with pytest.raises(EngineError):
        executor.score(tmp_path / "job.json", tmp_path, tmp_path / "log", lambda: None)
    gpus = [request["DeviceIDs"] for request in asked[0]["DeviceRequests"]]
    assert gpus == ([["3"]] if device == "cuda" else [])
    assert list(tmp_path.glob(f"{SCORING_PREFIX}*")) == []
