"""Expected calibration error against a naive sum over bins, the edges of bins, and a probe that is always sure."""

from __future__ import annotations

from fractions import Fraction
from math import isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.scoring.metric import ModelView, Outcome
from benchmark.scoring.metrics.calibration import METRIC, expected_calibration_error
from benchmark.spec import Evaluation


def naive_error(confidence: list[float], correct: list[bool], bins: int) -> float:
    total = 0.0
    for b in range(bins):
        low, high = Fraction(b, bins), Fraction(b + 1, bins)
        inside = [i for i, c in enumerate(confidence) if low < Fraction(c) <= high or (b == 0 and c == 0)]
        if inside:
            accuracy = sum(correct[i] for i in inside) / len(inside)
            mean_confidence = sum(confidence[i] for i in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy - mean_confidence)
    return total


def view_of(labels_N: NDArray[np.int64]) -> ModelView:
    return ModelView(
        train={},
        test={},
        train_labels=labels_N,
        test_labels=labels_N,
        num_classes=3,
        weights={},
        prunable=(),
        test_images=np.zeros((len(labels_N), 1, 1, 1), np.uint8),
        encode_test=lambda images: np.zeros((len(images), 0), np.float32),
        dense_test=lambda: {},
        other_dense_test=lambda: {},
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), bins=st.sampled_from([1, 4, 10, 15, 200]), dtype=st.sampled_from(["f4", "f8"]))
def test_the_error_is_the_sum_over_bins(seed: int, bins: int, dtype: str) -> None:
    rng = np.random.default_rng(seed)
    confidence_N = rng.random(60).astype(dtype)
    correct_N = rng.random(60) < confidence_N
    expected = naive_error(confidence_N.tolist(), correct_N.tolist(), bins)
    assert expected_calibration_error(confidence_N, correct_N, bins) == pytest.approx(expected, abs=1e-12)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below_it() -> None:
    """Of two bins, .5 is in the first: with 0 its mistakes and successes cancel, with 1 they would not."""
    confidence_N = np.array([0.0, 0.5, 1.0])
    correct_N = np.array([True, False, True])
    assert expected_calibration_error(confidence_N, correct_N, 2) == pytest.approx(0.5 / 3)
    assert expected_calibration_error(confidence_N, ~correct_N, 2) == pytest.approx(1.5 / 3)


def test_every_edge_of_fifteen_bins_is_counted_once() -> None:
    edges = np.arange(16) / 15
    assert expected_calibration_error(edges, np.zeros(16, bool), 15) == pytest.approx(edges.mean())


def test_a_probe_that_is_always_sure_errs_by_its_error_rate() -> None:
    correct_N = np.arange(20) % 4 != 0
    assert expected_calibration_error(np.ones(20), correct_N) == 0.25
    assert expected_calibration_error(np.ones(20), np.ones(20, bool)) == 0


def test_without_examples_the_error_is_undefined() -> None:
    assert isnan(expected_calibration_error(np.array([]), np.array([], bool)))


@pytest.mark.parametrize("confidence", [[1.01, 0.2], [-0.1, 0.2], [np.nan, 0.2], [0.5]])
def test_impossible_confidences_are_refused(confidence: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected confidences in \[0, 1\]"):
        expected_calibration_error(np.array(confidence), np.array([True, False]))


def test_the_metric_reads_the_linear_probe() -> None:
    rng = np.random.default_rng(0)
    labels_N = rng.integers(0, 3, 90)
    prediction_N = np.where(rng.random(90) < 0.3, 0, labels_N).astype(np.uint8)
    confidence_N = rng.uniform(1 / 3, 1, 90).astype(np.float32)
    confidence_N[:5] = np.nextafter(np.float32(1), np.float32(2))  # what float32 may make of a certain prediction
    examples: dict[str, NDArray[Any]] = {"linear/prediction": prediction_N, "linear/confidence": confidence_N}
    earlier = Outcome({}, examples)
    correct, confidence = (prediction_N == labels_N).tolist(), [min(c, 1.0) for c in confidence_N.tolist()]
    for bins in (15, 3):
        evaluation = Evaluation.model_validate({"calibration": {"bins": bins}})
        values = METRIC.measure(view_of(labels_N), evaluation, earlier).values
        assert values["calibration/error"] == pytest.approx(naive_error(confidence, correct, bins), abs=1e-9)
        assert values["calibration/overconfidence"] == pytest.approx(sum(confidence) / 90 - sum(correct) / 90, abs=1e-9)
        assert {column.name for column in METRIC.columns} == set(values)


def test_outcomes_depend_on_the_bins_and_on_the_probe() -> None:
    asked = [{}, {"calibration": {"bins": 10}}, {"linear": {"l2": 0.5}}]
    settings_found = [METRIC.settings(Evaluation.model_validate(each)) for each in asked]
    assert all(settings_found[i] != settings_found[j] for i in range(3) for j in range(i))
