"""Variance over models and images: against the formula written out, and by how often truly equal methods differ."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from benchmark.scoring.statistics.models_and_images import (
    TwoWayMean,
    all_differences,
    difference_of,
    few_models_p,
    population_of,
    two_sided_p,
)

Doubles = NDArray[np.float64]


def outcomes(seed: int, models: int, images: int) -> Doubles:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(models, 1)) + rng.normal(size=images) + rng.normal(size=(models, images))


def naive_squares(y: list[list[float]]) -> tuple[float, float, float]:
    """Return var_k(y_k.) / K, var_i(y_.i) / N and var(rest) / (K N), one entry at a time."""
    K, N = len(y), len(y[0])
    by_model = [sum(row) / N for row in y]
    by_image = [sum(y[k][i] for k in range(K)) / K for i in range(N)]
    mean = sum(by_model) / K
    rest = sum((y[k][i] - by_model[k] - by_image[i] + mean) ** 2 for k in range(K) for i in range(N))
    return (
        statistics.variance(by_model) / K, statistics.variance(by_image) / N, rest / ((K - 1) * (N - 1)) / (K * N)
    )  # fmt: skip


def naive_difference(a: list[list[float]], b: list[list[float]]) -> tuple[float, float, float]:
    """Return the difference of means, its variance and the degrees of freedom, from the docstring's formula."""
    (models_a, _, rest_a), (models_b, _, rest_b) = naive_squares(a), naive_squares(b)
    N = len(a[0])
    gaps = [sum(row[i] for row in a) / len(a) - sum(row[i] for row in b) / len(b) for i in range(N)]
    rest = rest_a + rest_b
    images = max(statistics.variance(gaps) / N, rest)
    large_a, large_b = max(models_a, rest_a), max(models_b, rest_b)
    variance = large_a + large_b + images - rest
    least = min(len(a), len(b)) - 1
    below = large_a**2 / (len(a) - 1) + large_b**2 / (len(b) - 1) + images**2 / (N - 1) + rest**2 / (least * (N - 1))
    return sum(gaps) / N, variance, variance**2 / below


@given(st.integers(0, 999), st.integers(2, 5), st.integers(2, 5), st.integers(2, 9))
def test_a_difference_is_that_of_the_written_out_formula(seed: int, K: int, L: int, N: int) -> None:
    first, second = outcomes(seed, K, N), outcomes(seed + 1000, L, N)
    value, variance, freedom = naive_difference(first.tolist(), second.tolist())
    found = difference_of(population_of([first]), population_of([second]))
    assert found.value == pytest.approx(value)
    assert found.error == pytest.approx(math.sqrt(variance))
    assert found.freedom == pytest.approx(freedom)


@given(st.integers(0, 999), st.integers(2, 5), st.integers(2, 9))
def test_the_error_of_one_mean_is_that_of_the_written_out_formula(seed: int, K: int, N: int) -> None:
    values = outcomes(seed, K, N)
    models, images, rest = naive_squares(values.tolist())
    models, images = max(models, rest), max(images, rest)
    found = population_of([values.astype(np.float32)]).estimate
    assert found.value == pytest.approx(float(values.mean()), abs=1e-6)
    assert found.error**2 == pytest.approx(models + images - rest, rel=1e-5)
    below = models**2 / (K - 1) + images**2 / (N - 1) + rest**2 / ((K - 1) * (N - 1))
    assert found.freedom == pytest.approx((models + images - rest) ** 2 / below, rel=1e-5)


def test_all_pairs_at_once_are_the_pairs_one_by_one() -> None:
    methods = [population_of([outcomes(seed, 3 + seed % 2, 20)]) for seed in range(5)]
    pairs = all_differences(methods)
    for i, j, value, error, p in zip(pairs.first_M, pairs.second_M, pairs.value_M, pairs.error_M, pairs.p_M,
                                     strict=True):  # fmt: skip
        alone = difference_of(methods[i], methods[j])
        assert (value, error, p) == pytest.approx((alone.value, alone.error, alone.p))


def test_two_tasks_weigh_the_same_and_their_variances_add_up() -> None:
    """Images of two tasks are different ones; models with the same seed are taken together."""
    small, large = outcomes(1, 4, 10), outcomes(2, 4, 30)
    found = population_of([small, large])
    assert found.value == pytest.approx((small.mean() + large.mean()) / 2)
    images = small.mean(axis=0).var(ddof=1) / 10 / 4 + large.mean(axis=0).var(ddof=1) / 30 / 4
    assert found.images_N @ found.images_N == pytest.approx(images)
    models_K = (small.mean(axis=1) + large.mean(axis=1)) / 2
    assert found.models == pytest.approx(models_K.var(ddof=1) / 4)


def test_where_nothing_varies_there_is_no_test() -> None:
    ones, zeros = (population_of([np.full((3, 4), value)]) for value in (1.0, 0.0))
    gap = difference_of(ones, zeros)
    assert (gap.value, gap.error, gap.p) == (1, 0, 1)
    assert gap.interval(0.95) == (1, 1)


@pytest.mark.parametrize("tasks", [[], [np.zeros((1, 4))], [np.zeros((4, 1))], [np.zeros((2, 3)), np.zeros((3, 3))]])
def test_what_gives_no_variance_is_refused(tasks: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"expected outcomes \(K >= 2, N >= 2\) of the same K"):
        population_of(tasks)


def test_methods_on_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        difference_of(population_of([outcomes(0, 3, 5)]), population_of([outcomes(1, 3, 6)]))


def test_the_interval_is_student_s() -> None:
    low, high = TwoWayMean(1.0, 0.5, 7.0).interval(0.9)
    assert (low, high) == pytest.approx(stats.t.interval(0.9, 7, loc=1.0, scale=0.5))
    assert TwoWayMean(1.0, 0.5, 7.0).p == pytest.approx(2 * stats.t.sf(2.0, 7))


def test_the_p_value_for_many_tests_is_student_s_or_normal_at_its_ends() -> None:
    """With models alone it is t with K - 1 degrees of freedom, with images alone normal, 1 where nothing varies."""
    t_M, one_M, zero_M = np.array([1.0, 3.0, 12.0]), np.ones(3), np.zeros(3)
    np.testing.assert_allclose(few_models_p(t_M, one_M, zero_M, 6), 2 * stats.t.sf(t_M, 5), rtol=1e-6)
    np.testing.assert_allclose(few_models_p(t_M, zero_M, one_M, 6), 2 * stats.norm.sf(t_M), rtol=1e-6)
    assert few_models_p(t_M, zero_M, zero_M, 6).tolist() == [1, 1, 1]


def test_far_out_in_the_tail_the_p_value_for_many_tests_is_not_too_small() -> None:
    """Models make up four fifths of the variance, K = 6: p <= .0005 at most as often, where Satterthwaite errs more."""
    rng, boards = np.random.default_rng(6), 400_000
    models_M, fixed_M = 0.8 * rng.chisquare(5, boards) / 5, np.full(boards, 0.2)
    value_M, variance_M = rng.normal(size=boards), models_M + fixed_M
    satterthwaite_M = two_sided_p(value_M, np.sqrt(variance_M), variance_M**2 / (models_M**2 / 5))
    assert (few_models_p(value_M, models_M, fixed_M, 6) <= 0.0005).mean() <= 0.0005
    assert (satterthwaite_M <= 0.0005).mean() > 0.001


def test_equal_methods_differ_at_the_nominal_rate_although_images_favour_one_of_them() -> None:
    """1,500 pairs at the spreads of shipped records. Welch's test, which fixes the images, errs in a quarter or more.

    Monte Carlo error of .05 here: .0056.
    """
    rng = np.random.default_rng(15)
    ours, welch = 0, 0
    for _ in range(1500):
        first, second = (
            0.006 * rng.normal(size=(6, 1)) + 0.15 * rng.normal(size=200) + 0.18 * rng.normal(size=(6, 200))
            for _ in range(2)
        )
        ours += difference_of(population_of([first]), population_of([second])).p <= 0.05
        test: Any = stats.ttest_ind(first.mean(axis=1), second.mean(axis=1), equal_var=False)
        welch += test.pvalue <= 0.05
    assert ours / 1500 == pytest.approx(0.05, abs=0.017)
    assert welch / 1500 > 0.2
