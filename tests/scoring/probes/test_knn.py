"""Nearest neighbours and the kNN probe against a naive search, ties, chunks, and features that say nothing."""

from __future__ import annotations

from math import exp, sqrt
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.scoring.compute import Compute
from benchmark.scoring.metric import ModelView, Outcome
from benchmark.scoring.probes import knn
from benchmark.scoring.probes.knn import METRIC, cosine_similarity, knn_predictions, nearest, vote
from benchmark.spec import Evaluation

Features = NDArray[np.float32]
Metric = Literal["cosine", "euclidean"]
METRICS: tuple[Metric, Metric] = ("cosine", "euclidean")


def clusters(seed: int, num_train: int = 60, num_test: int = 25, num_features: int = 5) -> tuple[Features, Features]:
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(num_train, num_features)).astype(np.float32),
        rng.normal(size=(num_test, num_features)).astype(np.float32),
    )


def cosine(first: list[float], second: list[float]) -> float:
    lengths = sqrt(sum(a * a for a in first)) * sqrt(sum(b * b for b in second))
    return sum(a * b for a, b in zip(first, second, strict=True)) / lengths if lengths else 0.0


def naive_nearest(train_MD: Features, test_ND: Features, k: int, metric: Metric) -> list[list[int]]:
    """Sort all training examples by distance, then by index; distances that differ by rounding alone are one."""

    def distance(first: list[float], second: list[float]) -> float:
        if metric == "cosine":
            return round(-cosine(first, second), 10)
        return round(sum((a - b) ** 2 for a, b in zip(first, second, strict=True)), 10)

    return [
        sorted(range(len(train_MD)), key=lambda m, one=example: (distance(train_MD[m].tolist(), one), m))[:k]
        for example in test_ND.tolist()
    ]


def naive_vote(labels: list[int], weights: list[float]) -> int:
    totals: dict[int, float] = {}
    for label, weight in zip(labels, weights, strict=True):
        totals[label] = totals.get(label, 0) + weight
    return min(totals, key=lambda label: (-totals[label], label))


def view_of(train_MD: Features, test_ND: Features, num_classes: int = 3) -> ModelView:
    return ModelView(
        train={"features": train_MD},
        test={"features": test_ND},
        train_labels=np.arange(len(train_MD)) % num_classes,
        test_labels=np.arange(len(test_ND)) % num_classes,
        num_classes=num_classes,
        weights={},
        prunable=(),
        test_images=np.zeros((len(test_ND), 1, 1, 1), np.uint8),
        encode_test=lambda images: np.zeros((len(images), 0), np.float32),
        dense_test=lambda: {},
        other_dense_test=lambda: {},
    )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 7, 59, 60])
def test_neighbours_are_those_of_a_naive_search(metric: Metric, k: int) -> None:
    train_MD, test_ND = clusters(0)
    assert nearest(train_MD, test_ND, k, metric).tolist() == naive_nearest(train_MD, test_ND, k, metric)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 12), metric=st.sampled_from(METRICS))
def test_ties_go_to_the_lower_training_index(seed: int, k: int, metric: Metric) -> None:
    """A handful of distinct points, each many times: almost every neighbour is tied with one that is left out."""
    rng = np.random.default_rng(seed)
    points = rng.integers(-1, 2, size=(4, 3)).astype(np.float32)
    train_MD, test_ND = points[rng.integers(0, 4, 40)], points[rng.integers(0, 4, 9)]
    assert nearest(train_MD, test_ND, k, metric).tolist() == naive_nearest(train_MD, test_ND, k, metric)


@pytest.mark.parametrize("metric", METRICS)
def test_duplicates_come_in_the_order_of_their_index_wherever_the_matrix_product_computed_them(metric: Metric) -> None:
    """Products of equal numbers can differ in their last bits with their place in the matrix."""
    rng = np.random.default_rng(10)
    points = rng.normal(size=(30, 7)).astype(np.float32)
    which_M = rng.integers(0, 30, 1501)
    test_ND = rng.normal(size=(333, 7)).astype(np.float32)
    of_points = naive_nearest(points, test_ND, 30, metric)
    expected = [np.concatenate([np.flatnonzero(which_M == p) for p in row])[:120].tolist() for row in of_points]
    assert nearest(points[which_M], test_ND, 120, metric).tolist() == expected


@pytest.mark.parametrize("metric", METRICS)
def test_chunks_do_not_change_anything(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    train_MD, test_ND = clusters(1)
    whole = nearest(train_MD, test_ND, 7, metric)
    similarity, winners = cosine_similarity(train_MD, test_ND, whole), vote(whole % 3, None, 3)
    for chunk_bytes in (1, 8 * len(train_MD) * 4):
        monkeypatch.setattr(knn, "CHUNK_BYTES", chunk_bytes)
        np.testing.assert_array_equal(nearest(train_MD, test_ND, 7, metric, Compute(chunk_bytes=chunk_bytes)), whole)
        np.testing.assert_array_equal(cosine_similarity(train_MD, test_ND, whole), similarity)
        np.testing.assert_array_equal(vote(whole % 3, None, 3), winners)


def test_fewer_training_examples_than_neighbours_are_all_of_them() -> None:
    train_MD, test_ND = clusters(2, num_train=4)
    assert nearest(train_MD, test_ND, 20, "euclidean").shape == (25, 4)
    assert (np.sort(nearest(train_MD, test_ND, 20, "cosine"), axis=1) == np.arange(4)).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e-30, 3e4])
def test_where_nothing_varies_the_first_training_examples_are_the_neighbours(metric: Metric, constant: float) -> None:
    train_MD, test_ND = np.full((50, 6), constant, np.float32), np.full((5, 6), constant, np.float32)
    assert nearest(train_MD, test_ND, 8, metric).tolist() == [list(range(8))] * 5


def test_a_dead_example_is_equally_similar_to_everything() -> None:
    train_MD, _ = clusters(3)
    dead_ND = np.zeros((1, 5), np.float32)
    assert nearest(train_MD, dead_ND, 5, "cosine").tolist() == [[0, 1, 2, 3, 4]]
    assert cosine_similarity(train_MD, dead_ND, np.arange(5)[None]).tolist() == [[0.0] * 5]


def test_a_large_offset_does_not_drown_small_distances() -> None:
    train_MD = (1000 + np.arange(30)[:, None] / 64).astype(np.float32)
    test_ND = (1000 + np.array([[4.25], [20.75]]) / 64).astype(np.float32)
    assert nearest(train_MD, test_ND, 3, "euclidean").tolist() == [[4, 5, 3], [21, 20, 22]]


@pytest.mark.parametrize("k", [1, 5, 20, 60])
def test_the_probe_votes_as_the_formula_says(k: int) -> None:
    train_MD, test_ND = clusters(4)
    labels_M = np.random.default_rng(4).integers(0, 4, 60)
    expected = []
    for example, neighbours in zip(test_ND.tolist(), naive_nearest(train_MD, test_ND, k, "cosine"), strict=True):
        weights = [exp(cosine(train_MD[m].tolist(), example) / 0.07) for m in neighbours]
        expected.append(naive_vote(labels_M[neighbours].tolist(), weights))
    assert knn_predictions(train_MD, labels_M, test_ND, 4, k).tolist() == expected
    assert len(set(expected)) > 2


def test_similarities_are_cosines_to_twelve_digits() -> None:
    train_MD, test_ND = clusters(5)
    index_Nk = nearest(train_MD, test_ND, 6, "cosine")
    expected = [
        [cosine(train_MD[m].tolist(), example) for m in neighbours]
        for example, neighbours in zip(test_ND.tolist(), index_Nk.tolist(), strict=True)
    ]
    np.testing.assert_allclose(cosine_similarity(train_MD, test_ND, index_Nk), expected, atol=1e-12)


def test_the_length_of_a_feature_vector_does_not_matter_to_the_probe() -> None:
    train_MD, test_ND = clusters(6)
    labels_M = np.arange(60) % 3
    longer_MD = train_MD * np.exp2(np.arange(60) % 7 - 3).astype(np.float32)[:, None]
    np.testing.assert_array_equal(
        knn_predictions(longer_MD, labels_M, 8 * test_ND, 3), knn_predictions(train_MD, labels_M, test_ND, 3)
    )


def test_equal_votes_go_to_the_lowest_class() -> None:
    labels_Nk = np.array([[3, 1, 1, 3], [2, 0, 3, 1]])
    assert vote(labels_Nk, None, 4).tolist() == [1, 0]
    assert vote(labels_Nk, np.ones((2, 4)), 5).tolist() == [1, 0]
    assert vote(labels_Nk, np.array([[1.0, 1.0, 1.0, 1.5], [1.0, 1.0, 1.0, 2.0]]), 5).tolist() == [3, 1]


def test_a_class_absent_from_training_is_never_predicted() -> None:
    train_MD, test_ND = clusters(7)
    labels_M = np.where(np.arange(60) % 2, 0, 4)
    assert set(knn_predictions(train_MD, labels_M, test_ND, 6).tolist()) == {0, 4}


def test_the_coldest_temperature_of_the_spec_does_not_overflow() -> None:
    train_MD, _ = clusters(8)
    labels_M = np.arange(60) % 5
    assert (knn_predictions(train_MD, labels_M, train_MD, 5, 20, 0.01) == labels_M).all()


@pytest.mark.parametrize(
    ("train_MD", "k"),
    [(np.zeros((3, 4), np.float32), 2), (np.zeros((0, 5), np.float32), 2), (np.zeros((3, 5), np.float32), 0)],
)
def test_impossible_input_is_refused(train_MD: Features, k: int) -> None:
    with pytest.raises(ValueError, match="nearest: expected k >= 1"):
        nearest(train_MD, np.zeros((2, 5), np.float32), k, "euclidean")


def test_the_metric_reports_accuracy_and_predictions_with_the_settings_of_the_evaluation() -> None:
    train_MD, test_ND = clusters(9)
    view = view_of(train_MD, test_ND)
    outcome = METRIC.measure(view, Evaluation(), Outcome({}))
    expected_N = knn_predictions(train_MD, view.train_labels, test_ND, 3, 20, 0.07)
    assert outcome.values == {"knn/accuracy": float((expected_N == view.test_labels).mean())}
    assert outcome.examples["knn/prediction"].tolist() == expected_N.tolist()
    assert outcome.examples["knn/prediction"].dtype == np.uint8
    assert {column.name for column in METRIC.columns} == set(outcome.values)
    single = Evaluation.model_validate({"knn": {"k": 1}})
    first_N = knn_predictions(train_MD, view.train_labels, test_ND, 3, 1, 0.07)
    assert METRIC.measure(view, single, Outcome({})).examples["knn/prediction"].tolist() == first_N.tolist()
    assert first_N.tolist() != expected_N.tolist()
    assert METRIC.settings(single) != METRIC.settings(Evaluation())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused_in_words(bad: float) -> None:
    features = np.array([[1.0, bad]], np.float32)
    with pytest.raises(ValueError, match="expected finite test features"):
        nearest(np.ones((3, 2), np.float32), features, 1, "cosine")
