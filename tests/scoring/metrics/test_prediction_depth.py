"""Prediction depth against a naive walk over the probes, its bounds, degenerate features, and the split on PIEs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.scoring.metric import CellView, Estimate, ModelView, Outcome, Population
from benchmark.scoring.metrics import prediction_depth
from benchmark.scoring.metrics.prediction_depth import CELL_METRIC, METRIC, depth, probe_predictions
from benchmark.scoring.score_math import t_interval
from benchmark.spec import Evaluation

Features = NDArray[np.float32]

NUM_TRAIN, NUM_TEST = 90, 40


def points(seed: int) -> tuple[dict[str, Features], dict[str, Features], NDArray[np.int64], NDArray[np.int64]]:
    """Three classes that come apart from one probe point to the next."""
    rng = np.random.default_rng(seed)
    labels = np.arange(NUM_TRAIN + NUM_TEST) % 3
    together: dict[str, Features] = {}
    for name, size, apart in (("input", 6, 0.5), ("stem", 3, 1.0), ("block", 4, 2.0), ("features", 5, 3.0)):
        centres_CD = rng.normal(0, apart, (3, size))
        together[name] = (centres_CD[labels] + rng.normal(size=(len(labels), size))).astype(np.float32)
    train = {name: features[:NUM_TRAIN] for name, features in together.items()}
    test = {name: features[NUM_TRAIN:] for name, features in together.items()}
    return train, test, labels[:NUM_TRAIN], labels[NUM_TRAIN:]


def naive_majority(train_MD: Features, test_ND: Features, labels_M: NDArray[np.int64], k: int) -> list[int]:
    predicted: list[int] = []
    for example in test_ND.tolist():
        squares = [sum((a - b) ** 2 for a, b in zip(each, example, strict=True)) for each in train_MD.tolist()]
        neighbours = sorted(range(len(squares)), key=lambda m, far=squares: (far[m], m))[:k]
        votes = [int(labels_M[m]) for m in neighbours]
        predicted.append(min(set(votes), key=lambda label, cast=votes: (-cast.count(label), label)))
    return predicted


def naive_depth(predictions: list[int], reference: int) -> int:
    deepest = 0
    for position, prediction in enumerate(predictions):
        if prediction != reference:
            deepest = position + 1
    return deepest


def view_of(
    train: dict[str, Features], test: dict[str, Features], train_labels: NDArray[np.int64], labels: NDArray[np.int64]
) -> ModelView:
    return ModelView(
        train=train,
        test=test,
        train_labels=train_labels,
        test_labels=labels,
        num_classes=3,
        weights={},
        prunable=(),
        test_images=np.zeros((len(labels), 1, 1, 1), np.uint8),
        encode_test=lambda images: np.zeros((len(images), 0), np.float32),
        dense_test=lambda: {},
        other_dense_test=lambda: {},
    )


def probe_of(labels_N: NDArray[np.int64], seed: int) -> Outcome:
    """A linear probe that is wrong now and then."""
    wrong_N = np.random.default_rng(seed).random(len(labels_N)) < 0.2
    return Outcome({}, {"linear/prediction": np.where(wrong_N, (labels_N + 1) % 3, labels_N).astype(np.uint8)})


@pytest.mark.parametrize("k", [1, 4, 30])
def test_probes_vote_as_a_naive_search_does_and_the_linear_probe_comes_last(k: int) -> None:
    train, test, train_labels, labels = points(0)
    final_N = probe_of(labels, 0).examples["linear/prediction"]
    expected = [naive_majority(train[name], test[name], train_labels, k) for name in test]
    found_PN = probe_predictions(train, test, train_labels, final_N, 3, k)
    assert found_PN.tolist() == [*expected, final_N.tolist()]
    assert len({tuple(row) for row in expected}) == 4


def test_depth_is_one_more_than_the_last_probe_that_disagrees() -> None:
    rng = np.random.default_rng(1)
    prediction_PN, reference_N = rng.integers(0, 2, (5, 200)), rng.integers(0, 2, 200)
    expected = [naive_depth(prediction_PN[:, i].tolist(), int(reference_N[i])) for i in range(200)]
    assert depth(prediction_PN, reference_N).tolist() == expected
    assert set(expected) == {0, 1, 2, 3, 4, 5}


def test_agreement_in_between_does_not_make_an_example_shallow() -> None:
    assert depth(np.array([[1], [0], [0], [1], [0]]), np.array([0])).tolist() == [4]


def test_where_every_probe_agrees_depth_is_zero_and_where_none_does_it_is_their_number() -> None:
    assert depth(np.zeros((4, 3), np.int64), np.zeros(3, np.int64)).tolist() == [0, 0, 0]
    assert depth(np.zeros((4, 3), np.int64), np.ones(3, np.int64)).tolist() == [4, 4, 4]


def test_the_metric_reports_both_depths_and_their_bound() -> None:
    train, test, train_labels, labels = points(2)
    earlier = probe_of(labels, 2)
    outcome = METRIC.measure(view_of(train, test, train_labels, labels), Evaluation(), earlier)
    final = earlier.examples["linear/prediction"].tolist()
    rows = [*(naive_majority(train[name], test[name], train_labels, 30) for name in test), final]
    columns = [list(column) for column in zip(*rows, strict=True)]
    pred = [naive_depth(column, answer) for column, answer in zip(columns, final, strict=True)]
    true = [naive_depth(column, int(label)) for column, label in zip(columns, labels, strict=True)]
    assert outcome.values == {
        "depth/pred_mean": sum(pred) / NUM_TEST,
        "depth/true_mean": sum(true) / NUM_TEST,
        "depth/num_probes": 5,
    }
    assert outcome.examples["depth/pred"].tolist() == pred
    assert outcome.examples["depth/true"].tolist() == true
    assert outcome.examples["depth/pred"].dtype == outcome.examples["depth/true"].dtype == np.uint8
    assert max(pred) <= 4 < max(true)
    assert {column.name for column in METRIC.columns} == set(outcome.values)


def test_the_number_of_neighbours_comes_from_the_evaluation() -> None:
    train, test, train_labels, labels = points(3)
    view, earlier = view_of(train, test, train_labels, labels), probe_of(labels, 3)
    single = Evaluation.model_validate({"depth": {"k": 1}})
    expected_PN = probe_predictions(train, test, train_labels, earlier.examples["linear/prediction"], 3, 1)
    assert METRIC.measure(view, single, earlier).examples["depth/true"].tolist() == depth(expected_PN, labels).tolist()
    assert METRIC.measure(view, Evaluation(), earlier).values != METRIC.measure(view, single, earlier).values
    other_probe = Evaluation.model_validate({"linear": {"l2": 0.5}})
    settings = [METRIC.settings(each) for each in (Evaluation(), single, other_probe)]
    assert all(settings[i] != settings[j] for i in range(3) for j in range(i))


def test_input_predictions_are_remembered_by_content() -> None:
    """Two models share the input; another data set, other labels or another k must not get the first one's answers."""
    prediction_depth._remembered.clear()  # pyright: ignore[reportPrivateUsage]
    train, test, train_labels, _ = points(4)
    final_N = np.zeros(NUM_TEST, np.int64)
    first = probe_predictions(train, test, train_labels, final_N, 3, 5)[0].tolist()
    assert probe_predictions(train, test, train_labels, final_N, 3, 5)[0].tolist() == first
    assert probe_predictions(train, test, train_labels, final_N, 3, 1)[0].tolist() != first
    assert probe_predictions(train, test, 2 - train_labels, final_N, 3, 5)[0].tolist() != first
    other_train, other_test, _, _ = points(5)
    expected = naive_majority(other_train["input"], other_test["input"], train_labels, 5)
    assert probe_predictions(other_train, other_test, train_labels, final_N, 3, 5)[0].tolist() == expected
    assert probe_predictions(train, test, train_labels, final_N, 3, 5)[0].tolist() == first


def test_dead_layers_let_the_first_training_examples_decide() -> None:
    train, test, train_labels, _ = points(6)
    train["block"], test["block"] = np.zeros((NUM_TRAIN, 4), np.float32), np.zeros((NUM_TEST, 4), np.float32)
    ordered = np.sort(train_labels)[::-1].copy()
    found_PN = probe_predictions(train, test, ordered, np.zeros(NUM_TEST, np.int64), 3, 30)
    assert found_PN[2].tolist() == [2] * NUM_TEST


def test_equal_votes_go_to_the_lowest_class_and_absent_classes_get_none() -> None:
    train = {"features": np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)}
    test = {"features": np.array([[1.4]], np.float32)}
    assert probe_predictions(train, test, np.array([4, 2, 4, 2]), np.array([0]), 5, 4).tolist() == [[2], [0]]


def random_population(seed: int) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    return {
        "linear/prediction": rng.integers(0, 3, (4, 50)).astype(np.uint8),
        "depth/pred": rng.integers(0, 5, (4, 50)).astype(np.uint8),
        "depth/true": rng.integers(0, 6, (4, 50)).astype(np.uint8),
    }


def cell_of(dense: dict[str, NDArray[Any]], sparse: dict[str, NDArray[Any]]) -> CellView:
    labels_N = np.zeros(50, np.int64)
    return CellView("late", Decimal("0.9"), Population({}, dense), Population({}, sparse), labels_N, 3)


@pytest.mark.parametrize("form", ["pred", "true"])
def test_the_shift_is_pruned_minus_dense_and_the_split_is_on_pies(form: str) -> None:
    dense, sparse = random_population(0), random_population(1)
    modes = [
        [int(np.bincount(column, minlength=3).argmax()) for column in each["linear/prediction"].T]
        for each in (dense, sparse)
    ]
    pies = [i for i in range(50) if modes[0][i] != modes[1][i]]
    others = [i for i in range(50) if i not in pies]

    def per_model(population: dict[str, NDArray[Any]], wanted: list[int]) -> NDArray[np.float64]:
        return np.array([sum(row[i] for i in wanted) / len(wanted) for row in population[f"depth/{form}"].tolist()])

    expected_K = {
        "shift": per_model(sparse, [*range(50)]) - per_model(dense, [*range(50)]),
        "pie": per_model(sparse, pies),
        "not_pie": per_model(sparse, others),
        "dense_pie": per_model(dense, pies),
        "dense_not_pie": per_model(dense, others),
    }
    found = CELL_METRIC.measure(cell_of(dense, sparse), Evaluation())
    assert {column.name for column in CELL_METRIC.columns} == set(found)
    for name, values_K in expected_K.items():
        bounds = t_interval(values_K, 0.95)
        estimate = found[f"depth/{form}_{name}"]
        assert bounds is not None
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((values_K.mean(), *bounds), abs=1e-12)


def test_small_unsigned_depths_do_not_wrap_around_where_pruning_makes_examples_shallower() -> None:
    dense, sparse = random_population(2), random_population(2)
    sparse["depth/pred"], dense["depth/pred"] = np.zeros((4, 50), np.uint8), np.full((4, 50), 3, np.uint8)
    assert CELL_METRIC.measure(cell_of(dense, sparse), Evaluation())["depth/pred_shift"] == Estimate(
        value=-3, low=-3, high=-3
    )
