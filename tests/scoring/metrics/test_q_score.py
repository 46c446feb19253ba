"""Both Q-Scores against the formulas read literally, their edge cases, and the split on PIEs."""

from __future__ import annotations

from decimal import Decimal
from math import frexp, isnan, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.scoring.metric import CellView, ModelView, Outcome, Population
from benchmark.scoring.metrics import q_score
from benchmark.scoring.metrics.q_score import CELL_METRIC, METRIC, auroc, q_score_2022, q_score_2024
from benchmark.scoring.score_math import t_interval
from benchmark.spec import Evaluation

Features = NDArray[np.float32]


def mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def deviation(numbers: list[float]) -> float:
    return sqrt(mean([(number - mean(numbers)) ** 2 for number in numbers]))


def naive_2022(features: list[float]) -> float:
    length = sqrt(sum(h * h for h in features))
    unit = [h / length for h in features]
    return (max(unit) - mean(unit)) / deviation(unit) / sum(abs(h) for h in unit)


def naive_2024(features_ND: Features) -> tuple[list[float], list[bool]]:
    rows = [[float(h) for h in row] for row in features_ND]
    active = [{j for j, h in enumerate(row) if h > mean(row) + 4 * deviation(row)} for row in rows]
    share = [mean([float(j in each) for each in active]) for j in range(len(rows[0]))]
    low, high = np.percentile(share, 50), np.percentile(share, 95)
    kept = {j for j, value in enumerate(share) if low - 1e-12 <= value <= high + 1e-12}
    scores = [
        mean([row[j] - mean(row) for j in each & kept]) if each & kept else 0.0
        for row, each in zip(rows, active, strict=True)
    ]
    return scores, [not each & kept for each in active]


def naive_auroc(scores: list[float], positive: list[bool]) -> float:
    pairs = [
        (first > second) + (first == second) / 2
        for first, is_right in zip(scores, positive, strict=True)
        for second, is_also_right in zip(scores, positive, strict=True)
        if is_right and not is_also_right
    ]
    return mean(pairs)


def peaked_features(seed: int, num_examples: int = 120, num_features: int = 40) -> Features:
    """Non-negative noise with peaks, some features far more popular than others."""
    rng = np.random.default_rng(seed)
    features_ND = np.abs(rng.normal(size=(num_examples, num_features)))
    for row in features_ND:
        row[(rng.integers(0, num_features, rng.integers(0, 3)) ** 2) // num_features] += rng.uniform(5, 30)
    return features_ND.astype(np.float32)


def view_of(features_ND: Features, labels_N: NDArray[np.int64]) -> ModelView:
    return ModelView(
        train={},
        test={"features": features_ND},
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


@pytest.mark.parametrize("shift", [0.0, -2.0])
def test_the_first_form_is_its_formula(shift: float) -> None:
    features_ND = peaked_features(0) + np.float32(shift)
    expected = [naive_2022([float(h) for h in row]) for row in features_ND]
    np.testing.assert_allclose(q_score_2022(features_ND), expected, atol=1e-12)


def test_the_second_form_is_its_formula() -> None:
    features_ND = peaked_features(1)
    expected, expected_empty = naive_2024(features_ND)
    scores_N, empty_N = q_score_2024(features_ND)
    np.testing.assert_allclose(scores_N, expected, atol=1e-12)
    assert empty_N.tolist() == expected_empty
    assert 10 < sum(expected_empty) < 110


def test_chunks_do_not_change_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    features_ND = peaked_features(3)
    first_N, (second_N, empty_N) = q_score_2022(features_ND), q_score_2024(features_ND)
    monkeypatch.setattr(q_score, "CHUNK_EXAMPLES", 7)
    np.testing.assert_array_equal(q_score_2022(features_ND), first_N)
    np.testing.assert_array_equal(q_score_2024(features_ND)[0], second_N)
    np.testing.assert_array_equal(q_score_2024(features_ND)[1], empty_N)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), num_features=st.integers(2, 60), exponent=st.integers(-20, 20))
def test_the_first_form_is_at_most_its_bound_and_blind_to_scale(seed: int, num_features: int, exponent: int) -> None:
    features_ND = np.random.default_rng(seed).exponential(size=(5, num_features)).astype(np.float32)
    score_N = q_score_2022(features_ND)
    assert (score_N <= sqrt(num_features - 1) + 1e-9).all()
    np.testing.assert_allclose(q_score_2022(features_ND * np.float32(2.0**exponent)), score_N, rtol=1e-12)


def test_a_single_active_feature_reaches_the_bound() -> None:
    features_ND = np.zeros((1, 26), np.float32)
    features_ND[0, 4] = 0.01
    assert q_score_2022(features_ND)[0] == pytest.approx(5)


def test_constant_features_have_no_first_score_and_are_counted() -> None:
    features_ND = np.concatenate([peaked_features(4, num_examples=2), np.zeros((1, 40)), np.full((1, 40), 0.1)])
    assert np.isnan(q_score_2022(features_ND.astype(np.float32))).tolist() == [False, False, True, True]
    assert isnan(float(q_score_2022(np.ones((1, 1), np.float32))[0]))


def test_dead_units_count_as_features_that_are_zero() -> None:
    features_ND = np.concatenate([peaked_features(5), np.zeros((120, 8), np.float32)], axis=1)
    expected = [naive_2022([float(h) for h in row]) for row in features_ND]
    np.testing.assert_allclose(q_score_2022(features_ND), expected, atol=1e-12)
    np.testing.assert_allclose(q_score_2024(features_ND)[0], naive_2024(features_ND)[0], atol=1e-12)


def test_with_seventeen_features_the_second_form_is_always_empty_and_with_eighteen_it_need_not_be() -> None:
    for num_features in (1, 16, 17):
        scores_N, empty_N = q_score_2024(np.eye(num_features, dtype=np.float32) * 3)
        assert not scores_N.any()
        assert empty_N.all()
    scores_N, empty_N = q_score_2024(np.eye(18, dtype=np.float32) * 3)
    np.testing.assert_allclose(scores_N, 3 - 3 / 18)
    assert not empty_N.any()


def test_constant_features_are_empty_for_the_second_form() -> None:
    for constant in (0.0, 0.1, 7.0):
        scores_N, empty_N = q_score_2024(np.full((6, 64), constant, np.float32))
        assert scores_N.tolist() == [0.0] * 6
        assert empty_N.all()


def test_the_area_under_the_curve_counts_pairs_and_ties_by_half() -> None:
    rng = np.random.default_rng(6)
    scores_N, positive_N = rng.integers(0, 6, 80).astype(float), rng.random(80) < 0.7
    assert auroc(scores_N, positive_N) == pytest.approx(naive_auroc(scores_N.tolist(), positive_N.tolist()), abs=1e-12)
    with_undefined = np.append(scores_N, [np.nan, np.nan])
    assert auroc(with_undefined, np.append(positive_N, [True, False])) == auroc(scores_N, positive_N)


@pytest.mark.parametrize("positive", [[True, True], [False, False]])
def test_the_area_is_undefined_where_the_probe_is_always_or_never_right(positive: list[bool]) -> None:
    assert isnan(auroc(np.array([0.1, 0.2]), np.array(positive)))


def naive_kept(score: float) -> float:
    """Round to eleven significant bits by the definition of a floating-point number."""
    spacing = 2.0 ** (frexp(score)[1] - 11)
    return round(score / spacing) * spacing


def test_the_metric_reports_both_forms_apart() -> None:
    features_ND = peaked_features(7)
    features_ND[:3] = 1
    labels_N = np.arange(120) % 3
    prediction_N = np.where(np.random.default_rng(7).random(120) < 0.3, 0, labels_N).astype(np.uint8)
    earlier = Outcome({}, {"linear/prediction": prediction_N})
    outcome = METRIC.measure(view_of(features_ND, labels_N), Evaluation(), earlier)
    correct = (prediction_N == labels_N).tolist()
    first = [naive_kept(naive_2022([float(h) for h in row])) for row in features_ND[3:]]
    second, empty = naive_2024(features_ND)
    second = [naive_kept(score) for score in second]
    assert outcome.values == pytest.approx(
        {
            "q_score_2022/mean": mean(first),
            "q_score_2022/undefined": 3 / 120,
            "q_score_2022/auroc": naive_auroc(first, correct[3:]),
            "q_score_2024/mean": mean(second),
            "q_score_2024/empty": sum(empty) / 120,
            "q_score_2024/auroc": naive_auroc(second, correct),
        },
        abs=1e-9,
    )
    assert {column.name for column in METRIC.columns} == set(outcome.values)
    for form, expected in (("2022", [np.nan] * 3 + first), ("2024", second)):
        assert outcome.examples[f"q_score_{form}/score"].dtype == np.float32
        np.testing.assert_allclose(outcome.examples[f"q_score_{form}/score"], expected, atol=1e-5)
    assert METRIC.settings(Evaluation()) == Evaluation().linear


def test_a_collapsed_encoder_has_no_first_score_and_no_area() -> None:
    labels_N = np.arange(30) % 3
    earlier = Outcome({}, {"linear/prediction": np.zeros(30, np.uint8)})
    values = METRIC.measure(view_of(np.zeros((30, 32), np.float32), labels_N), Evaluation(), earlier).values
    assert isnan(values["q_score_2022/mean"])
    assert isnan(values["q_score_2022/auroc"])
    assert values["q_score_2022/undefined"] == 1
    assert (values["q_score_2024/mean"], values["q_score_2024/empty"], values["q_score_2024/auroc"]) == (0, 1, 0.5)


def cell_of(dense: dict[str, NDArray[Any]], sparse: dict[str, NDArray[Any]]) -> CellView:
    labels_N = np.zeros(dense["linear/prediction"].shape[1], np.int64)
    return CellView("late", Decimal("0.9"), Population({}, dense), Population({}, sparse), labels_N, 3)


def random_population(seed: int, num_models: int = 4, num_examples: int = 40) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    first_KN = rng.random((num_models, num_examples)).astype(np.float32)
    first_KN[rng.random(first_KN.shape) < 0.2] = np.nan
    return {
        "linear/prediction": rng.integers(0, 3, (num_models, num_examples)).astype(np.uint8),
        "q_score_2022/score": first_KN,
        "q_score_2024/score": rng.random((num_models, num_examples)).astype(np.float32),
    }


@pytest.mark.parametrize("form", ["2022", "2024"])
def test_the_split_averages_each_model_over_the_examples_where_its_score_is_defined(form: str) -> None:
    dense, sparse = random_population(0), random_population(1)
    modes = [
        [int(np.bincount(column, minlength=3).argmax()) for column in each["linear/prediction"].T]
        for each in (dense, sparse)
    ]
    is_pie = [first != second for first, second in zip(*modes, strict=True)]

    def per_model(population: dict[str, NDArray[Any]], wanted: list[bool]) -> NDArray[np.float64]:
        rows = population[f"q_score_{form}/score"].tolist()
        return np.array([mean([q for q, use in zip(row, wanted, strict=True) if use and not isnan(q)]) for row in rows])

    everywhere, elsewhere = [True] * 40, [not each for each in is_pie]
    expected_K = {
        "shift": per_model(sparse, everywhere) - per_model(dense, everywhere),
        "pie": per_model(sparse, is_pie),
        "not_pie": per_model(sparse, elsewhere),
        "dense_pie": per_model(dense, is_pie),
        "dense_not_pie": per_model(dense, elsewhere),
    }
    found = CELL_METRIC.measure(cell_of(dense, sparse), Evaluation())
    assert {column.name for column in CELL_METRIC.columns} == set(found)
    for name, values_K in expected_K.items():
        bounds = t_interval(values_K, 0.95)
        estimate = found[f"q_score_{form}/{name}"]
        assert bounds is not None
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((values_K.mean(), *bounds), abs=1e-9)
