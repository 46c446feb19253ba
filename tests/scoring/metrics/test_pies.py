"""PIEs against naive counting, ties, small populations, and what must not matter."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from benchmark.scoring.metric import CellView, Estimate, Population
from benchmark.scoring.metrics import pies
from benchmark.scoring.metrics.pies import METRIC, disagreement, published_pies, tied_modes
from benchmark.scoring.statistics.halves import Halves
from benchmark.spec import Evaluation

Predictions = NDArray[Any]


def random_predictions(
    seed: int, num_models: int, num_examples: int, num_classes: int
) -> tuple[Predictions, Predictions]:
    """Two related populations with agreement, disputes and many ties."""
    rng = np.random.default_rng(seed)
    usual_N = rng.integers(0, num_classes, num_examples)
    doubt_N = rng.random(num_examples)

    def population(extra: float) -> Predictions:
        odd_KN = rng.integers(0, num_classes, (num_models, num_examples))
        return np.where(rng.random((num_models, num_examples)) < doubt_N + extra, odd_KN, usual_N).astype(np.uint8)

    return population(-0.2), population(0.2)


def cell_of(dense_KN: Predictions, sparse_KN: Predictions, num_classes: int) -> CellView:
    def population(prediction_KN: Predictions) -> Population:
        return Population({}, {"linear/prediction": prediction_KN})

    labels_N = np.zeros(dense_KN.shape[1], np.int64)
    return CellView("late", Decimal("0.9"), population(dense_KN), population(sparse_KN), labels_N, num_classes)


def measure(dense_KN: Predictions, sparse_KN: Predictions, num_classes: int) -> dict[str, Estimate]:
    return dict(METRIC.measure(cell_of(dense_KN, sparse_KN, num_classes), Evaluation()))


def modes(labels: list[int]) -> list[int]:
    """Every label that occurs most often, ascending."""
    counts = Counter(labels)
    return sorted(label for label, count in counts.items() if count == max(counts.values()))


def naive_rates(
    dense_KN: Predictions, sparse_KN: Predictions, models: tuple[int, ...]
) -> tuple[list[float], list[float]]:
    """Null and matched disagreement per example: over every ordered pair of disjoint halves, from the formula."""
    null_N, matched_N = [], []
    half = len(models) // 2
    for example in range(dense_KN.shape[1]):
        null, matched = [], []
        for first in combinations(models, half):
            for second in combinations([model for model in models if model not in first], half):
                dense_first = modes([int(dense_KN[k, example]) for k in first])
                for population_KN, results in ((dense_KN, null), (sparse_KN, matched)):
                    other = modes([int(population_KN[k, example]) for k in second])
                    shared = len(set(dense_first) & set(other))
                    results.append(1 - shared / (len(dense_first) * len(other)))
        null_N.append(sum(null) / len(null))
        matched_N.append(sum(matched) / len(matched))
    return null_N, matched_N


def mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def test_published_pies_compare_modes_with_ties_to_the_lowest_class() -> None:
    dense_KN, sparse_KN = random_predictions(0, 6, 80, 4)
    expected = [
        modes(dense_KN[:, i].tolist())[0] != modes(sparse_KN[:, i].tolist())[0] for i in range(80)
    ]
    assert published_pies(dense_KN, sparse_KN, 4).tolist() == expected
    estimates = measure(dense_KN, sparse_KN, 4)
    tied = [len(modes(dense_KN[:, i].tolist())) > 1 or len(modes(sparse_KN[:, i].tolist())) > 1 for i in range(80)]
    assert estimates["pie/published"] == Estimate(value=sum(expected) / 80)
    assert estimates["pie/tied"] == Estimate(value=sum(tied) / 80)
    assert 0 < sum(expected) < 80
    assert 0 < sum(tied) < 80


def test_tied_modes_are_marked_per_population() -> None:
    assert tied_modes(np.array([[0, 1, 2], [1, 1, 2], [2, 1, 0], [2, 0, 0]]), 3).tolist() == [False, False, True]


@pytest.mark.parametrize("num_models", [2, 3, 4, 5, 6])
def test_floor_and_matched_rate_agree_with_the_formula_over_all_splits(num_models: int) -> None:
    dense_KN, sparse_KN = random_predictions(num_models, num_models, 40, 5)
    null_N, matched_N = naive_rates(dense_KN, sparse_KN, tuple(range(num_models)))
    estimates = measure(dense_KN, sparse_KN, 5)
    assert estimates["pie/null"].value == pytest.approx(mean(null_N), abs=1e-12)
    assert estimates["pie/matched"].value == pytest.approx(mean(matched_N), abs=1e-12)
    assert estimates["pie/excess"].value == pytest.approx(mean(matched_N) - mean(null_N), abs=1e-12)
    assert mean(null_N) > 0


@pytest.mark.parametrize("num_models", [3, 4, 5, 6])
def test_the_interval_counts_what_models_and_examples_share_once(num_models: int) -> None:
    dense_KN, sparse_KN = random_predictions(10 + num_models, num_models, 30, 3)
    null_N, matched_N = naive_rates(dense_KN, sparse_KN, tuple(range(num_models)))
    excess_N = [matched - null for matched, null in zip(matched_N, null_N, strict=True)]
    without_KN: list[list[float]] = []
    for left_out in range(num_models):
        others = tuple(model for model in range(num_models) if model != left_out)
        null, matched = naive_rates(dense_KN, sparse_KN, others)
        without_KN.append([m - n for m, n in zip(matched, null, strict=True)])

    def jackknife(values_K: list[float]) -> float:
        return (num_models - 1) / num_models * sum((m - mean(values_K)) ** 2 for m in values_K)

    over_models = jackknife([mean(row) for row in without_KN])
    both = sum(jackknife([row[i] for row in without_KN]) for i in range(30)) / 30**2
    over_examples = sum((e - mean(excess_N)) ** 2 for e in excess_N) / 30 / 30
    variance = over_examples + max(over_models - both, 0)
    freedom = variance**2 / (over_models**2 / (num_models - 1) + over_examples**2 / 29)
    margin = stats.t.ppf(0.975, max(freedom, num_models - 1)) * sqrt(variance)
    excess = measure(dense_KN, sparse_KN, 3)["pie/excess"]
    assert excess.low == pytest.approx(max(-1, mean(excess_N) - margin), abs=1e-12)
    assert excess.high == pytest.approx(min(1, mean(excess_N) + margin), abs=1e-12)


def test_resampling_examples_converges_to_the_closed_form_that_replaces_it() -> None:
    dense_KN, sparse_KN = random_predictions(3, 6, 200, 4)
    found = disagreement(dense_KN, sparse_KN, 4, Halves.of(6, 200))
    excess_N = found.matched_N - found.null_N
    drawn = np.random.default_rng(0).choice(excess_N, size=(20_000, 200)).mean(axis=1)
    assert drawn.var() == pytest.approx(excess_N.var() / 200, rel=0.05)


def test_two_models_have_a_value_without_interval_and_one_model_has_neither() -> None:
    dense_KN, sparse_KN = random_predictions(4, 2, 50, 3)
    two = measure(dense_KN, sparse_KN, 3)
    assert two["pie/null"] == Estimate(value=float((dense_KN[0] != dense_KN[1]).mean()))
    crossed = ((dense_KN[0] != sparse_KN[1]).mean() + (dense_KN[1] != sparse_KN[0]).mean()) / 2
    assert two["pie/matched"] == Estimate(value=float(crossed))
    one = measure(dense_KN[:1], sparse_KN[:1], 3)
    assert one["pie/published"].value == float((dense_KN[0] != sparse_KN[0]).mean())
    assert [one[f"pie/{name}"] for name in ("null", "matched", "excess")] == [Estimate(value=None)] * 3


def test_populations_that_agree_entirely_have_no_pies_and_an_interval_of_width_zero() -> None:
    same_KN = np.tile(np.arange(20, dtype=np.uint8) % 4, (6, 1))
    for name, estimate in measure(same_KN, same_KN, 4).items():
        assert estimate.value == 0
        if name not in ("pie/published", "pie/tied"):
            assert (estimate.low, estimate.high) == (0, 0)


def test_a_population_that_changes_its_mind_entirely_has_excess_one() -> None:
    dense_KN = np.zeros((4, 9), np.uint8)
    assert measure(dense_KN, dense_KN + 1, 3)["pie/excess"] == Estimate(value=1, low=1, high=1)


def test_renaming_classes_leaves_the_excess_where_the_published_form_moves() -> None:
    """The incident behind fractional ties: with the index rule, renaming classes moved an excess from .38 to .07."""
    dense_KN = np.repeat(np.array([[0], [0], [1], [1]], np.uint8), 10, axis=1)
    sparse_KN = np.repeat(np.array([[0], [2], [2], [0]], np.uint8), 10, axis=1)
    renamed = np.array([2, 0, 1], np.uint8)
    before, after = measure(dense_KN, sparse_KN, 3), measure(renamed[dense_KN], renamed[sparse_KN], 3)
    assert (before["pie/published"].value, after["pie/published"].value) == (0, 1)
    assert after["pie/excess"].value == before["pie/excess"].value


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), num_models=st.integers(2, 7), num_classes=st.integers(2, 12))
def test_order_of_models_and_examples_and_names_of_classes_do_not_matter(
    seed: int, num_models: int, num_classes: int
) -> None:
    dense_KN, sparse_KN = random_predictions(seed, num_models, 25, num_classes)
    rng = np.random.default_rng(seed)
    models_K, examples_N = rng.permutation(num_models), rng.permutation(25)
    names_C = rng.permutation(num_classes)
    before = measure(dense_KN, sparse_KN, num_classes)
    shuffled = [names_C[prediction_KN[models_K][:, examples_N]] for prediction_KN in (dense_KN, sparse_KN)]
    after = measure(shuffled[0], shuffled[1], num_classes)
    for name in ("pie/null", "pie/matched", "pie/excess"):
        assert after[name].model_dump() == pytest.approx(before[name].model_dump(), abs=1e-12, nan_ok=True)
    for name, lowest in (("pie/null", 0), ("pie/matched", 0), ("pie/excess", -1)):
        bounds = [bound for bound in (before[name].low, before[name].value, before[name].high) if bound is not None]
        assert bounds == sorted(bounds)
        assert lowest <= bounds[0] <= bounds[-1] <= 1


def test_working_in_small_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    dense_KN, sparse_KN = random_predictions(7, 8, 90, 9)
    halves = Halves.of(8, 30)
    whole = disagreement(dense_KN, sparse_KN, 9, halves)
    monkeypatch.setattr(pies, "BLOCK_EXAMPLES", 7)
    monkeypatch.setattr(pies, "BLOCK_BYTES", 1_000)
    parts = disagreement(dense_KN, sparse_KN, 9, halves)
    for name in ("null_T", "matched_T", "null_N", "matched_N"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-12)


def test_pruned_models_without_their_dense_parents_are_refused() -> None:
    dense_KN, sparse_KN = random_predictions(8, 4, 10, 3)
    with pytest.raises(ValueError, match="pruned models beside their dense parents"):
        measure(dense_KN, sparse_KN[:3], 3)


def test_every_number_of_the_metric_has_a_column() -> None:
    assert {column.name for column in METRIC.columns} == set(measure(*random_predictions(9, 4, 10, 3), 3))
