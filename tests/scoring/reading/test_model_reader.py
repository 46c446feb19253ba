"""Reading models: negative controls at chance, and a cache in which a new metric computes only itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch_file

from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.metric import ModelMetric, ModelView, Outcome
from benchmark.scoring.metrics import sparsity_audit
from benchmark.scoring.probes import linear_probe
from benchmark.scoring.reading import model_reader as reading
from benchmark.scoring.reading.features import extract_features
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.reading.references import reference_lines
from benchmark.scoring.scoring_job import RunToScore, ScoringJob, ScoringResult
from benchmark.spec import BenchmarkSpec, Evaluation
from tests.conftest import Evaluated
from tests.executors.warm import request, scoring_job

FOUR_SIGMA_AT_CHANCE = 0.06
"""Four standard deviations of the accuracy of a guess among 10 classes over the 445 test images."""


@pytest.fixture(scope="module")
def job(evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path) -> ScoringJob:
    return scoring_job(request(tiny_spec, plain, evaluated.root), evaluated.root)


@pytest.fixture
def reader(job: ScoringJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TaskReader:
    """A reader with an empty cache and two metrics, so that other ones cannot slow these tests down."""
    monkeypatch.setattr(reading, "MODEL_METRICS", (linear_probe.METRIC, sparsity_audit.METRIC))
    return TaskReader(job.spec, job.tasks[0], tmp_path)


def run_of(job: ScoringJob, schedule: str = "dense", seed: int = 0) -> RunToScore:
    return next(run for run in job.tasks[0].runs if run.schedule == schedule and run.seed == seed)


def accuracy(reader: TaskReader, run: RunToScore) -> float:
    return reader.read(run).values["linear/accuracy"]


def with_files(run: RunToScore, folder: Path, change: Callable[[dict[str, Any]], None]) -> RunToScore:
    """The same run with other weights."""
    folder.mkdir()
    shutil.copyfile(run.directory / "mask.safetensors", folder / "mask.safetensors")
    stored = load_file(run.directory / "encoder.safetensors")
    tensors = {name: torch.from_numpy(array.copy()) for name, array in stored.items()}
    change(tensors)
    save_torch_file(tensors, folder / "encoder.safetensors")
    return run.model_copy(update={"directory": folder, "state_key": folder.name})


def test_a_trained_model_reads_above_chance(reader: TaskReader, job: ScoringJob) -> None:
    assert accuracy(reader, run_of(job)) > 0.4


def test_permuted_test_labels_read_at_chance(reader: TaskReader, job: ScoringJob, tmp_path: Path) -> None:
    """The negative control: nothing in the scorer knows the answers."""
    tensors = load_file(job.tasks[0].test_file)
    tensors["labels"] = np.random.default_rng(0).permutation(tensors["labels"])
    save_file(tensors, tmp_path / "permuted.safetensors")
    task = job.tasks[0].model_copy(update={"test_file": tmp_path / "permuted.safetensors", "test_digest": "permuted"})
    permuted = TaskReader(job.spec, task, tmp_path)
    assert accuracy(permuted, run_of(job)) == pytest.approx(0.1, abs=FOUR_SIGMA_AT_CHANCE)


def test_permuted_training_labels_read_at_chance(reader: TaskReader, job: ScoringJob, tmp_path: Path) -> None:
    tensors = load_file(job.tasks[0].train_file)
    tensors["labels"] = np.random.default_rng(1).permutation(tensors["labels"])
    save_file(tensors, tmp_path / "permuted.safetensors")
    task = job.tasks[0].model_copy(update={"train_file": tmp_path / "permuted.safetensors", "train_digest": "permuted"})
    permuted = TaskReader(job.spec, task, tmp_path)
    assert accuracy(permuted, run_of(job)) == pytest.approx(0.1, abs=FOUR_SIGMA_AT_CHANCE)


def test_an_encoder_of_zeros_reads_at_chance(reader: TaskReader, job: ScoringJob, tmp_path: Path) -> None:
    def erase(tensors: dict[str, Any]) -> None:
        for tensor in tensors.values():
            tensor.zero_()

    zeros = with_files(run_of(job), tmp_path / "zeros", erase)
    assert accuracy(reader, zeros) == pytest.approx(0.1, abs=FOUR_SIGMA_AT_CHANCE)


def test_finite_weights_whose_features_overflow_are_invalid_output(
    reader: TaskReader, job: ScoringJob, tmp_path: Path
) -> None:
    def blow_up(tensors: dict[str, Any]) -> None:
        for name in ("stem.1.weight", "blocks.stage1_block1.norm1.weight", "blocks.stage1_block1.norm2.weight"):
            tensors[name].fill_(1e38)

    broken = with_files(run_of(job), tmp_path / "huge", blow_up)
    with pytest.raises(InvalidOutput, match=r"features at \w+ overflow"):
        reader.read(broken)


def test_a_view_shows_the_stored_model_and_the_dense_ones(reader: TaskReader, job: ScoringJob) -> None:
    run = run_of(job, "shot")
    view = reader._view(run)  # pyright: ignore[reportPrivateUsage]
    stored, mask = (load_file(run.directory / f"{name}.safetensors") for name in ("encoder", "mask"))
    for name, weights in view.weights.items():
        np.testing.assert_array_equal(weights, stored[name])
    zeros = sum(int((view.weights[name] == 0).sum()) for name in view.prunable)
    assert zeros == sum(int((~kept).sum()) for kept in mask.values()) == run.num_pruned[0]
    dense, other = (reader._view(run_of(job, "dense", seed)).test for seed in (0, 1))  # pyright: ignore[reportPrivateUsage]
    for found, expected in ((view.dense_test(), dense), (view.other_dense_test(), other)):
        assert list(found) == list(expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)
    np.testing.assert_array_equal(view.encode_test(view.test_images), view.test["features"])
    assert len(view.train["features"]) == len(view.train_labels) == 1352
    assert len(view.test["features"]) == len(view.test_labels) == 445


class Counted:
    """Metrics that count how often they measure."""

    def __init__(self, *metrics: ModelMetric) -> None:
        self.counts = {metric.name: 0 for metric in metrics}
        self.metrics = tuple(replace(metric, measure=self._counting(metric)) for metric in metrics)

    def _counting(self, metric: ModelMetric) -> Callable[[ModelView, Evaluation, Outcome], Outcome]:
        def measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
            self.counts[metric.name] += 1
            return metric.measure(view, evaluation, earlier)

        return measure


def mean_feature(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    return Outcome(
        {"added/mean": float(view.test["features"].mean()), "added/earlier": earlier.values["linear/accuracy"]},
        {"added/norm": np.linalg.norm(view.test["features"], axis=1)},
    )


ADDED = ModelMetric("added", 1, lambda evaluation: evaluation.pie, mean_feature, ())


def test_a_new_metric_computes_only_itself(
    reader: TaskReader, job: ScoringJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = run_of(job)
    before = reader.read(run)
    assert reader.knows(run)
    counted = Counted(linear_probe.METRIC, sparsity_audit.METRIC, ADDED)
    monkeypatch.setattr(reading, "MODEL_METRICS", counted.metrics)
    fresh = TaskReader(job.spec, job.tasks[0], tmp_path)
    assert not fresh.knows(run)
    after = fresh.read(run)
    assert counted.counts == {"linear": 0, "sparsity": 0, "added": 1}
    assert {name: after.values[name] for name in before.values} == before.values
    assert after.values["added/earlier"] == before.values["linear/accuracy"]
    assert after.examples["added/norm"].shape == (445,)
    fresh.read(run)
    assert counted.counts["added"] == 1


def test_what_is_cached_is_given_back_exactly_and_without_the_weights(
    reader: TaskReader, job: ScoringJob, tmp_path: Path
) -> None:
    run = run_of(job, "shot-random")
    first, layers = reader.read(run), reader.layers(run)
    gone = run.model_copy(update={"directory": tmp_path / "gone"})
    fresh = TaskReader(job.spec, job.tasks[0], tmp_path)
    again = fresh.read(gone)
    assert again.values == first.values
    assert list(again.examples) == list(first.examples)
    for name, array in first.examples.items():
        np.testing.assert_array_equal(again.examples[name], array)
        assert again.examples[name].dtype == array.dtype
    assert fresh.layers(gone) == layers


def measured_again(
    job: ScoringJob, cache: Path, metrics: tuple[ModelMetric, ...], monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> dict[str, int]:
    """Read a model under an evaluation with changes; gives how often each metric had to measure."""
    counted = Counted(*metrics)
    monkeypatch.setattr(reading, "MODEL_METRICS", counted.metrics)
    evaluation = job.spec.evaluation.model_copy(update=changes)
    TaskReader(job.spec.model_copy(update={"evaluation": evaluation}), job.tasks[0], cache).read(run_of(job))
    return counted.counts


def test_a_setting_recomputes_what_depends_on_it(
    job: ScoringJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = (linear_probe.METRIC, sparsity_audit.METRIC, ADDED)
    evaluation = job.spec.evaluation
    all_of_them = {"linear": 1, "sparsity": 1, "added": 1}
    assert measured_again(job, tmp_path, metrics, monkeypatch) == all_of_them
    pie = evaluation.pie.model_copy(update={"max_splits": 3})
    assert measured_again(job, tmp_path, metrics, monkeypatch, pie=pie) == {"linear": 0, "sparsity": 0, "added": 1}
    linear = evaluation.linear.model_copy(update={"l2": 0.3})
    assert measured_again(job, tmp_path, metrics, monkeypatch, linear=linear)["linear"] == 1
    bootstrap = evaluation.bootstrap.model_copy(update={"draws": 5000})
    assert set(measured_again(job, tmp_path, metrics, monkeypatch, bootstrap=bootstrap).values()) == {0}


def test_a_new_version_of_a_metric_recomputes_it(
    job: ScoringJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = (linear_probe.METRIC, sparsity_audit.METRIC, ADDED)
    measured_again(job, tmp_path, metrics, monkeypatch)
    newer = (*metrics[:2], replace(ADDED, version=2))
    assert measured_again(job, tmp_path, newer, monkeypatch) == {"linear": 0, "sparsity": 0, "added": 1}


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def empty(content: bytes) -> bytes:
    return b""


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def keep_the_beginning(content: bytes) -> bytes:
    return content[:40]


def replace_with_text(content: bytes) -> bytes:
    return b"x"


@pytest.mark.parametrize("damage", [empty, truncate, keep_the_beginning, flip, replace_with_text])
def test_a_torn_cache_is_made_again(
    reader: TaskReader, job: ScoringJob, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """A truncated ZIP file raised an exception that nobody expected, and ended the scorer for good."""
    run = run_of(job)
    first, layers = reader.read(run), reader.layers(run)
    for path in tmp_path.iterdir():
        path.write_bytes(damage(path.read_bytes()))
    fresh = TaskReader(job.spec, job.tasks[0], tmp_path)
    assert fresh.read(run).values == first.values
    assert fresh.layers(run) == layers


def test_reference_lines_are_cached_and_a_torn_cache_is_made_again(
    reader: TaskReader, evaluated: Evaluated, tmp_path: Path
) -> None:
    first = reference_lines(reader)
    kept = [path for path in tmp_path.iterdir() if path.is_file()]
    assert kept
    for path in kept:  # the lines, and what each untrained encoder gets right
        path.write_bytes(path.read_bytes()[:-30])
    assert reference_lines(reader) == first
    assert reference_lines(reader) == first
    recorded = {line.name: line.accuracy for line in evaluated.record.references}
    answer = ScoringResult(columns=(), runs=(), cells=(), references=first, floor={}, summary={}).rounded()
    assert {line.name: line.accuracy for line in answer.references} == recorded


def test_raw_pixels_and_untrained_encoders_are_read_by_the_same_probe(reader: TaskReader, job: ScoringJob) -> None:
    def probed(train: NDArray[np.float32], test: NDArray[np.float32]) -> float:
        linear = job.spec.evaluation.linear
        probe = linear_probe.fit_linear_probe(train, reader.train.labels, 10, linear.l2, linear.tolerance)
        return float(np.mean(probe.predict(test) == reader.test.labels))

    both = reader.train.images, reader.test.images
    pixels = [images.reshape(-1, 64).astype(np.float32) / np.float32(255) for images in both]
    untrained = [
        probed(*(extract_features(reader.encoder(seed), images)["features"] for images in both)) for seed in (0, 1)
    ]
    raw, initial = reference_lines(reader)
    assert raw.accuracy.value == pytest.approx(probed(*pixels))
    assert initial.accuracy.value == pytest.approx(np.mean(untrained))
