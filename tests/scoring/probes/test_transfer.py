"""Transfer probes against a classifier from scikit-learn, on images that no encoder of the tests was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression

from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.metric import Outcome
from benchmark.scoring.probes import knn, linear_probe, transfer
from benchmark.scoring.reading import model_reader as reading
from benchmark.scoring.reading.model_reader import TaskReader
from benchmark.scoring.scoring_job import OtherDataset, RunToScore, ScoringJob
from benchmark.spec import BenchmarkSpec
from tests.conftest import Evaluated
from tests.executors.warm import request, scoring_job

NUM_CLASSES = 3
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def job(evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path) -> ScoringJob:
    return scoring_job(request(tiny_spec, plain, evaluated.root), evaluated.root)


def stripes(count: int, seed: int) -> tuple[Pixels, NDArray[np.int64]]:
    """Noisy grey images of 12 x 12 pixels that are brighter above, in the middle or below."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, NUM_CLASSES, count)
    images = random.integers(0, 200, (count, 1, 12, 12))
    for image, label in zip(images, labels, strict=True):
        image[:, 4 * label : 4 * label + 4] += 55
    return images.astype(np.uint8), labels


def other_dataset(folder: Path, *, permuted: bool = False, digest: str = "stripes") -> OtherDataset:
    files: list[Path] = []
    for name, count, seed in (("train", 120, 1), ("test", 300, 2)):
        images, labels = stripes(count, seed)
        if permuted and name == "train":
            labels = np.random.default_rng(3).permutation(labels)
        files.append(folder / f"{name}-{permuted}.safetensors")
        save_file({"images": images, "labels": labels}, files[-1])
    return OtherDataset(
        name="stripes", num_classes=NUM_CLASSES, train_file=files[0], test_file=files[1], train_digest=digest,
        test_digest=digest,
    )  # fmt: skip


def reader_of(job: ScoringJob, cache: Path, *others: OtherDataset) -> TaskReader:
    return TaskReader(job.spec, job.tasks[0].model_copy(update={"transfer": others}), cache)


def read(reader: TaskReader, run: RunToScore, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    monkeypatch.setattr(reading, "MODEL_METRICS", (linear_probe.METRIC, transfer.METRIC))
    return reader.read(run)


def naive_accuracy(job: ScoringJob, run: RunToScore) -> float:
    """Encode every image alone, standardise, and let scikit-learn fit the same penalised regression."""
    encoder = reader_of(job, Path()).encoder(0)
    stored = load_file(run.directory / "encoder.safetensors")
    encoder.load_state_dict({name: torch.from_numpy(array) for name, array in stored.items()})
    encoder.eval()

    def features(images: Pixels) -> NDArray[np.float64]:
        with torch.no_grad():
            alone = [encoder(torch.from_numpy(image[None] / np.float32(255)))[0] for image in images]
        return torch.stack(alone).double().numpy()

    (train, train_labels), (test, test_labels) = stripes(120, 1), stripes(300, 2)
    train_MD, test_ND = features(train), features(test)
    mean_D, deviation_D = train_MD.mean(0), train_MD.std(0)
    linear = job.spec.evaluation.linear
    oracle = LogisticRegression(C=1 / (linear.l2 * len(train)), tol=1e-8, max_iter=10_000)
    oracle.fit((train_MD - mean_D) / deviation_D, train_labels)
    return float(oracle.score((test_ND - mean_D) / deviation_D, test_labels))


def test_the_accuracy_is_that_of_an_independent_classifier(
    job: ScoringJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = next(run for run in job.tasks[0].runs if run.schedule == "dense" and run.seed == 0)
    values = read(reader_of(job, tmp_path, other_dataset(tmp_path)), run, monkeypatch).values
    assert values["transfer/accuracy:stripes"] == pytest.approx(naive_accuracy(job, run), abs=0.01)
    assert values["transfer/accuracy"] == values["transfer/accuracy:stripes"] > 0.4


def test_permuted_training_labels_of_the_other_dataset_read_near_chance(
    job: ScoringJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = reader_of(job, tmp_path, other_dataset(tmp_path, permuted=True))
    values = read(reader, job.tasks[0].runs[0], monkeypatch).values
    assert values["transfer/accuracy"] == pytest.approx(1 / NUM_CLASSES, abs=0.15)


def test_only_the_transfer_probe_is_read_again_when_the_other_dataset_changes(job: ScoringJob, tmp_path: Path) -> None:
    run, key = job.tasks[0].runs[0], "_key"
    readers = [
        reader_of(job, tmp_path, *others)
        for others in ((), (other_dataset(tmp_path),), (other_dataset(tmp_path, digest="other stripes"),))
    ]
    for metric, num_keys in ((linear_probe.METRIC, 1), (knn.METRIC, 1), (transfer.METRIC, 3)):
        assert len({getattr(reader, key)(run, metric) for reader in readers}) == num_keys


def test_without_other_datasets_there_are_no_numbers(
    job: ScoringJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = read(reader_of(job, tmp_path), job.tasks[0].runs[0], monkeypatch).values
    assert [name for name in values if name.startswith("transfer/")] == []


def test_features_that_overflow_on_the_other_dataset_alone_are_invalid_output(
    job: ScoringJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = reader_of(job, tmp_path, other_dataset(tmp_path))
    infinite = np.full((300, 8), np.inf, np.float32)
    monkeypatch.setattr(reading, "extract_final_features", lambda encoder, images, compute: infinite)
    with pytest.raises(InvalidOutput, match="stripes"):
        read(reader, job.tasks[0].runs[0], monkeypatch)
