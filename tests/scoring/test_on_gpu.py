"""On a GPU metrics give what they give on a processor. Skipped, and said so, where there is no GPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmark.encoder import Encoder, build_encoder
from benchmark.scoring.compute import MIB, Compute
from benchmark.scoring.metric import Outcome
from benchmark.scoring.metrics.corruption_kinds import corrupt
from benchmark.scoring.probes.cross_entropy import OnDevice, OnProcessor
from benchmark.scoring.probes.knn import nearest
from benchmark.scoring.probes.linear_probe import fit_linear_probe
from benchmark.scoring.reading import worker_pool as crew
from benchmark.scoring.reading.device import configure
from benchmark.scoring.reading.features import extract_features, extract_final_features
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.reading.references import reference_lines
from benchmark.scoring.scorer import score
from benchmark.scoring.scoring_job import ScoringJob
from benchmark.spec import BenchmarkSpec, EncoderSpec, SmallResNet, WideResNet16x2
from benchmark.spec.corruptions import ALL_CORRUPTIONS, Corruption
from tests.conftest import Evaluated
from tests.executors.warm import request, scoring_job

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

ON_GPU = Compute.on("cuda")
Metric = Literal["cosine", "euclidean"]
Pixels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def _as_a_scorer_on_a_gpu() -> Iterator[None]:
    """Be in the scorer's mode for one test, and leave no trace of it."""
    before = (
        torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark,
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32,
    )  # fmt: skip
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    configure("cuda")
    yield
    torch.use_deterministic_algorithms(before[0])
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = before[1:3]
    torch.backends.cuda.matmul.allow_tf32 = before[3]
    if workspace is None:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


def test_a_scorer_on_a_gpu_keeps_all_digits_of_float32() -> None:
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    factors = torch.randn(2, 512, 512, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    product = factors[0].float().cuda() @ factors[1].float().cuda()
    assert float((product.cpu().double() - factors[0] @ factors[1]).abs().max()) < 1e-3  # TF32: more than 1e-2


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 20, 30, 120])
@pytest.mark.parametrize("chunk_bytes", [ON_GPU.chunk_bytes, 100_000])
def test_neighbours_are_exactly_those_of_a_processor_ties_included(metric: Metric, k: int, chunk_bytes: int) -> None:
    rng = np.random.default_rng(k)
    points = rng.normal(size=(400, 16)).astype(np.float32)
    train_MD, test_ND = points[rng.integers(0, 400, 5000)], rng.normal(size=(700, 16)).astype(np.float32)
    test_ND[:50] = points[:50]
    test_ND[50:60] = 0
    found = nearest(train_MD, test_ND, k, metric, Compute("cuda", chunk_bytes))
    np.testing.assert_array_equal(found, nearest(train_MD, test_ND, k, metric))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours_on_small_grids_of_whole_numbers_are_exactly_those_of_a_processor(metric: Metric) -> None:
    rng = np.random.default_rng(1)
    for num_train, k in ((1, 3), (7, 7), (300, 30), (3000, 30)):
        train_MD = rng.integers(-2, 3, (num_train, 3)).astype(np.float32)
        test_ND = rng.integers(-2, 3, (90, 3)).astype(np.float32)
        np.testing.assert_array_equal(
            nearest(train_MD, test_ND, k, metric, ON_GPU), nearest(train_MD, test_ND, k, metric)
        )


def test_neighbours_among_equal_features_are_the_first() -> None:
    """A dead network makes all examples equally near."""
    dead = np.ones((4000, 8), np.float32)
    expected = np.tile(np.arange(30), (200, 1))
    np.testing.assert_array_equal(nearest(dead, dead[:200], 30, "euclidean", ON_GPU), expected)
    np.testing.assert_array_equal(nearest(dead, dead[:200], 30, "cosine", ON_GPU), expected)


def trained(spec: EncoderSpec, side: int) -> tuple[Encoder, Pixels]:
    """Give an encoder with statistics that training would have left, and images."""
    encoder = build_encoder(spec, in_channels=3, seed=0).train()
    with torch.no_grad():
        for _ in range(3):
            encoder(torch.rand(32, 3, side, side))
    return encoder, np.random.default_rng(0).integers(0, 256, (257, 3, side, side), np.uint8)


@pytest.mark.parametrize(
    ("spec", "side"), [(SmallResNet(name="resnet8", width=8), 8), (WideResNet16x2(name="wrn-16-2"), 32)]
)
def test_features_agree_with_those_of_a_processor(spec: EncoderSpec, side: int) -> None:
    encoder, images = trained(spec, side)
    expected = extract_features(encoder, images)
    found = extract_features(encoder, images, ON_GPU)
    assert list(found) == list(expected)
    np.testing.assert_array_equal(found["input"], expected["input"])
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4 * float(np.abs(values).max()))
    np.testing.assert_array_equal(extract_final_features(encoder, images, ON_GPU), found["features"])
    again = extract_features(encoder, images, ON_GPU)
    assert all((again[name] == values).all() for name, values in found.items())
    small = extract_final_features(encoder, images, Compute("cuda", MIB))
    np.testing.assert_allclose(small, found["features"], rtol=1e-4, atol=1e-5)


def test_loss_and_slopes_of_the_probe_agree_with_those_of_a_processor() -> None:
    rng = np.random.default_rng(3)
    features_AM, one_hot_PM = rng.normal(size=(128, 6000)), np.eye(10)[:, rng.integers(0, 10, 6000)]
    weights_PA, bias_P = rng.normal(size=(10, 128)), rng.normal(size=10)
    expected = OnProcessor(features_AM, one_hot_PM)(weights_PA, bias_P)
    on_gpu = OnDevice(features_AM, one_hot_PM, "cuda")
    for found, value, again in zip(on_gpu(weights_PA, bias_P), expected, on_gpu(weights_PA, bias_P), strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-10, atol=1e-12)
        np.testing.assert_array_equal(found, again)


def test_a_probe_fitted_on_a_gpu_predicts_what_one_of_a_processor_does() -> None:
    rng = np.random.default_rng(4)
    labels_M = rng.integers(0, 10, 5000)
    features_MD = (rng.normal(size=(10, 64))[labels_M] + 2 * rng.normal(size=(5000, 64))).astype(np.float32)
    test_ND = 2 * rng.normal(size=(2000, 64)).astype(np.float32)
    expected = fit_linear_probe(features_MD, labels_M, 10, 1e-3, 1e-6)
    found = fit_linear_probe(features_MD, labels_M, 10, 1e-3, 1e-6, ON_GPU)
    assert found.converged
    np.testing.assert_allclose(found.probabilities(test_ND), expected.probabilities(test_ND), atol=1e-4)
    assert (found.predict(test_ND) == expected.predict(test_ND)).mean() > 0.999


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("corruption", ALL_CORRUPTIONS, ids=lambda corruption: corruption.name)
def test_corrupted_images_are_those_of_a_processor_but_for_rounding(corruption: Corruption, channels: int) -> None:
    images = np.random.default_rng(5).integers(0, 256, (1100, channels, 16, 16), np.uint8)
    for severity in (1, 5):
        expected = corrupt(images, corruption, severity).astype(np.int64)
        found = corrupt(images, corruption, severity, "cuda").astype(np.int64)
        distance = np.abs(found - expected)
        assert (distance > 0).mean() < 0.005
        assert (distance > 1).mean() < 0.001  # a rounded coefficient of JPEG moves a whole block


@pytest.fixture(scope="module")
def job(evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path) -> ScoringJob:
    return scoring_job(request(tiny_spec, plain, evaluated.root), evaluated.root)


def read(job: ScoringJob, cache: Path, compute: Compute) -> tuple[list[Outcome], TaskReader]:
    cache.mkdir()
    reader = TaskReader(job.spec, job.tasks[0], cache, compute)
    return [reader.read(run) for run in job.tasks[0].runs[:4]], reader


def test_all_metrics_read_a_model_on_a_gpu_as_on_a_processor(job: ScoringJob, tmp_path: Path) -> None:
    (expected, _), (found, reader) = read(job, tmp_path / "cpu", Compute()), read(job, tmp_path / "gpu", ON_GPU)
    for mine, theirs in zip(found, expected, strict=True):
        assert list(mine.values) == list(theirs.values)
        assert list(mine.examples) == list(theirs.examples)
        for name, value in theirs.values.items():
            assert mine.values[name] == pytest.approx(value, rel=0.02, abs=0.02, nan_ok=True), name
        for name in ("linear/prediction", "knn/prediction"):
            assert (mine.examples[name] == theirs.examples[name]).mean() > 0.99
    again, _ = read(job, tmp_path / "again", ON_GPU)
    assert [each.values for each in again] == [each.values for each in found]
    assert not {path.name for path in reader.cache.glob("*.npz")} & {path.name for path in (tmp_path / "cpu").iterdir()}
    for line in reference_lines(reader):
        assert line.accuracy.value is not None
        assert line.accuracy.value > 0.2


def test_several_processes_on_a_gpu_read_what_one_would(
    job: ScoringJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "BYTES_WORTH_A_PROCESS", 1)
    results: list[str] = []
    for workers in (1, 2):
        cache, out = tmp_path / f"cache-{workers}", tmp_path / f"out-{workers}"
        cache.mkdir()
        out.mkdir()
        asked = job.model_copy(update={"cache": cache, "workers": workers, "device": "cuda"})
        results.append(score(asked, out).model_dump_json())
    assert results[0] == results[1]
