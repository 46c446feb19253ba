"""Accuracy under corruption against a loop, its batches and its cache, and the excess error gap with its interval."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from benchmark.scoring.compute import Device
from benchmark.scoring.invalid_output import InvalidOutput
from benchmark.scoring.metric import CellView, ModelView, Outcome, Population
from benchmark.scoring.metrics import corruption
from benchmark.scoring.metrics.corruption import CELL_METRIC, METRIC, CorruptedImages
from benchmark.scoring.metrics.corruption_kinds import corrupt, digest_images
from benchmark.scoring.probes.linear_probe import fit_linear_probe
from benchmark.spec import Evaluation
from benchmark.spec.corruptions import ALL_CORRUPTIONS, Brightness, GaussianNoise, Pixelate

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

EVALUATION = Evaluation(corruptions=(GaussianNoise(name="gaussian_noise"), Pixelate(name="pixelate")))


def labelled_images(num_images: int, seed: int) -> tuple[Pixels, NDArray[np.int64]]:
    """Two classes told apart by where a small picture is bright."""
    rng = np.random.default_rng(seed)
    labels_N = rng.integers(0, 2, num_images)
    images = rng.integers(0, 140, (num_images, 1, 4, 4))
    images[labels_N == 0, :, :2] += 60
    images[labels_N == 1, :, 2:] += 60
    return images.astype(np.uint8), labels_N


def encode(images: Pixels) -> Floats:
    halves_N2 = images.reshape(len(images), 2, 8).mean(axis=2)
    return (halves_N2 / 255).astype(np.float32)


def view_of(encode_test: Callable[[Pixels], Floats] = encode, num_test: int = 50) -> ModelView:
    (train, train_labels), (test, test_labels) = labelled_images(80, 0), labelled_images(num_test, 1)
    return ModelView(
        train={"features": encode(train)},
        test={"features": encode(test)},
        train_labels=train_labels,
        test_labels=test_labels,
        num_classes=2,
        weights={},
        prunable=(),
        test_images=test,
        encode_test=encode_test,
        dense_test=lambda: {},
        other_dense_test=lambda: {},
    )


def test_every_corruption_is_read_by_the_probe_of_clean_features() -> None:
    view = view_of()
    probe = fit_linear_probe(view.train["features"], view.train_labels, 2, 1e-3, 1e-6)
    right: dict[str, list[list[bool]]] = {}
    for each in EVALUATION.corruptions:
        for severity in range(1, 6):
            predicted = probe.predict(encode(corrupt(view.test_images, each, severity)))
            answers = [int(p) == int(y) for p, y in zip(predicted, view.test_labels, strict=True)]
            right.setdefault(each.name, []).append(answers)
    outcome = METRIC.measure(view, EVALUATION, Outcome({}))
    accuracies = {name: sum(map(sum, answers)) / 250 for name, answers in right.items()}
    assert outcome.values == pytest.approx(
        {
            "corruption/mean_error": 100 * (1 - sum(accuracies.values()) / 2),
            "corruption/accuracy:gaussian_noise": accuracies["gaussian_noise"],
            "corruption/accuracy:pixelate": accuracies["pixelate"],
        }
    )
    assert 0 < outcome.values["corruption/mean_error"] < 50
    shares = [sum(each[i] for answers in right.values() for each in answers) / 10 for i in range(50)]
    assert outcome.examples["corruption/correct"] == pytest.approx(shares)


def test_without_corruptions_nothing_is_measured_or_encoded() -> None:
    def refuse(images: Pixels) -> Floats:
        raise AssertionError("nothing to encode")

    assert METRIC.measure(view_of(refuse), Evaluation(), Outcome({})) == Outcome({})


@given(batch=st.integers(1, 120), num_test=st.integers(1, 60))
def test_batches_of_any_size_change_no_answer(batch: int, num_test: int) -> None:
    sizes: list[int] = []

    def encode_and_count(images: Pixels) -> Floats:
        sizes.append(len(images))
        return encode(images)

    whole = METRIC.measure(view_of(num_test=num_test), EVALUATION, Outcome({}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corruption, "ENCODED_IMAGES", batch)
        cut = METRIC.measure(view_of(encode_and_count, num_test), EVALUATION, Outcome({}))
    assert cut.values == whole.values
    assert (cut.examples["corruption/correct"] == whole.examples["corruption/correct"]).all()
    assert sum(sizes) == 10 * num_test
    assert set(sizes[:-1]) <= {batch}
    assert 0 < sizes[-1] <= batch


def test_an_encoder_that_overflows_on_corrupted_images_is_invalid_output() -> None:
    def overflow(images: Pixels) -> Floats:
        return np.full((len(images), 2), np.inf, np.float32)

    with pytest.raises(InvalidOutput, match="corrupted images"):
        METRIC.measure(view_of(overflow), EVALUATION, Outcome({}))


def test_settings_name_the_probe_and_every_severity() -> None:
    first = METRIC.settings(EVALUATION)
    other = Evaluation(corruptions=(GaussianNoise(name="gaussian_noise"), Brightness(name="brightness")))
    assert first != METRIC.settings(other) != METRIC.settings(Evaluation())
    assert first["corruptions"][0] == {"name": "gaussian_noise", "severities": [0.04, 0.08, 0.12, 0.18, 0.26]}


def count_making(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    made: list[tuple[str, int]] = []

    def counted(images: Pixels, kind: Brightness, severity: int, device: Device) -> Pixels:
        made.append((digest_images(images), severity))
        return corrupt(images, kind, severity)

    monkeypatch.setattr(corruption, "corrupt", counted)
    return made


def test_corrupted_images_are_made_once_per_process(monkeypatch: pytest.MonkeyPatch) -> None:
    made = count_making(monkeypatch)
    images, digest = labelled_images(20, 5)[0], digest_images(labelled_images(20, 5)[0])
    kept = CorruptedImages(max_bytes=10_000)
    for _ in range(3):
        for severity in range(1, 6):
            found = kept.get(images, digest, Brightness(name="brightness"), severity)
            assert (found == corrupt(images, Brightness(name="brightness"), severity)).all()
    assert len(made) == 5
    other = Brightness(name="brightness", severities=(0.3, 0.4, 0.5, 0.6, 0.7))
    assert (kept.get(images, digest, other, 1) == corrupt(images, other, 1)).all()  # same name, other strength


def test_what_does_not_fit_is_made_anew_and_older_test_sets_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made = count_making(monkeypatch)
    light = Brightness(name="brightness")
    first, second = labelled_images(20, 5)[0], labelled_images(20, 6)[0]  # 320 bytes per severity
    kept = CorruptedImages(max_bytes=3 * 320)
    for _ in range(2):
        for severity in range(1, 6):
            kept.get(first, "first", light, severity)
        assert kept.num_bytes == 3 * 320
    assert len(made) == 5 + 2
    for severity in range(1, 4):
        kept.get(second, "second", light, severity)
    made.clear()
    for severity in range(1, 4):
        kept.get(second, "second", light, severity)
    assert made == []
    assert kept.num_bytes == 3 * 320


def cell_of(seed: int, num_models: int = 4, num_examples: int = 60, gap: float = 0.2) -> CellView:
    rng = np.random.default_rng(seed)
    labels_N = rng.integers(0, 3, num_examples)

    def population(clean: float, corrupted: float) -> Population:
        wrong_KN = rng.random((num_models, num_examples)) > clean
        share_KN = rng.binomial(10, corrupted, (num_models, num_examples)) / 10
        examples = {"linear/prediction": ((labels_N + wrong_KN) % 3).astype(np.uint8)}
        return Population({}, {**examples, "corruption/correct": share_KN.astype(np.float32)})

    return CellView("early", Decimal("0.9"), population(0.95, 0.8), population(0.9, 0.75 - gap), labels_N, 3)


def test_the_excess_error_gap_is_the_difference_of_differences() -> None:
    cell = cell_of(0)

    def errors(population: Population) -> tuple[float, float]:
        clean = [
            100.0 * (p != y)
            for row in population.examples["linear/prediction"].tolist()
            for p, y in zip(row, cell.test_labels.tolist(), strict=True)
        ]
        corrupted = [100 * (1 - share) for row in population.examples["corruption/correct"].tolist() for share in row]
        return sum(clean) / len(clean), sum(corrupted) / len(corrupted)

    (dense_clean, dense_corrupted), (clean, corrupted) = errors(cell.dense), errors(cell.sparse)
    estimate = CELL_METRIC.measure(cell, EVALUATION)["corruption/excess_error_gap"]
    assert estimate.value == pytest.approx((corrupted - clean) - (dense_corrupted - dense_clean), abs=1e-5)


def test_the_interval_of_the_gap_adds_the_variances_over_models_and_examples() -> None:
    cell = cell_of(1)
    gap_KN = 100 * (
        ((cell.sparse.examples["linear/prediction"] == cell.test_labels) - cell.sparse.examples["corruption/correct"])
        - ((cell.dense.examples["linear/prediction"] == cell.test_labels) - cell.dense.examples["corruption/correct"])
    )
    error = np.sqrt(stats.sem(gap_KN.mean(axis=1)) ** 2 + np.var(gap_KN.mean(axis=0)) / 60)
    estimate = CELL_METRIC.measure(cell, EVALUATION)["corruption/excess_error_gap"]
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.high - estimate.value == pytest.approx(stats.t.ppf(0.975, 3) * error, rel=1e-4)
    assert estimate.value - estimate.low == pytest.approx(estimate.high - estimate.value)


def test_the_interval_of_the_gap_covers_the_truth_about_as_often_as_it_says() -> None:
    """Clean .95 to .90, corrupted .80 to .65: the true gap is 15 - 5 = 10 points."""
    bounds = [CELL_METRIC.measure(cell_of(seed, gap=0.1), EVALUATION) for seed in range(300)]
    hits = [
        (each := bound["corruption/excess_error_gap"]).low is not None
        and each.high is not None
        and each.low <= 10 <= each.high
        for bound in bounds
    ]
    assert sum(hits) / len(hits) > 0.93


def test_the_gap_without_corruptions_with_one_model_and_with_lost_parents() -> None:
    cell = cell_of(2)
    bare = Population({}, {"linear/prediction": cell.dense.examples["linear/prediction"]})
    assert CELL_METRIC.measure(CellView("a", Decimal("0.5"), bare, bare, cell.test_labels, 3), Evaluation()) == {}
    one = CELL_METRIC.measure(cell_of(3, num_models=1), EVALUATION)["corruption/excess_error_gap"]
    assert one.value is not None
    assert one.low is one.high is None
    with pytest.raises(ValueError, match="dense parents"):
        CELL_METRIC.measure(
            CellView("a", Decimal("0.5"), cell.dense, cell_of(2, num_models=3).sparse, cell.test_labels, 3), EVALUATION
        )


def test_a_model_that_corruption_does_not_touch_has_no_gap() -> None:
    labels_N = np.arange(10) % 3
    examples = {"linear/prediction": np.tile(labels_N, (4, 1)), "corruption/correct": np.ones((4, 10), np.float32)}
    same = Population({}, examples)
    estimate = CELL_METRIC.measure(CellView("a", Decimal("0.5"), same, same, labels_N, 3), EVALUATION)
    assert estimate["corruption/excess_error_gap"].model_dump() == {"value": 0, "low": 0, "high": 0}


def test_all_corruptions_can_be_measured_together() -> None:
    outcome = METRIC.measure(view_of(num_test=5), Evaluation(corruptions=ALL_CORRUPTIONS), Outcome({}))
    assert len(outcome.values) == 11
