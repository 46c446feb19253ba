"""Paired differences, checked against resampling written as loops and against Welch's test of scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from leaderboard.board.pairing import (
    Overlap,
    difference,
    models_to_separate,
    overlap,
    paired_draws,
    welch_difference,
)


def _outcomes(seed: int, models: int, mean: float, examples: int = 200) -> np.ndarray:
    hardness_N = np.random.default_rng(99).random(examples)
    noise_KN = np.random.default_rng(seed).normal(0, 0.05, (models, examples))
    return (hardness_N + noise_KN < mean).astype(float)


def test_equal_outcomes_of_every_model_differ_by_nothing_in_any_draw() -> None:
    """Both submissions see the same resampled examples; unpaired resampling would scatter."""
    same_KN = np.tile(_outcomes(0, 1, 0.7), (4, 1))
    assert np.abs(paired_draws(same_KN[None], same_KN[None], draws=300)).max() < 1e-12


def test_draws_are_spread_like_resampling_in_loops() -> None:
    first_KN, second_LN = _outcomes(1, 5, 0.8), _outcomes(2, 7, 0.7)
    stream, looped = np.random.default_rng(5), list[float]()
    for _ in range(3000):
        examples = stream.integers(0, 200, 200)
        a = first_KN[stream.integers(0, 5, 5)][:, examples].mean()
        b = second_LN[stream.integers(0, 7, 7)][:, examples].mean()
        looped.append(a - b)
    draws_R = paired_draws(first_KN[None], second_LN[None], draws=3000)[:, 0]
    assert draws_R.mean() == pytest.approx(np.mean(looped), abs=0.003)
    assert draws_R.std() == pytest.approx(np.std(looped), rel=0.08)


def test_statistics_share_their_draws() -> None:
    outcomes_KN = _outcomes(3, 4, 0.6)
    stack_SKN = np.stack([outcomes_KN, 2 * outcomes_KN])
    draws_RS = paired_draws(stack_SKN, np.zeros_like(stack_SKN), draws=50)
    np.testing.assert_allclose(draws_RS[:, 1], 2 * draws_RS[:, 0])


def test_welchs_interval_is_the_one_of_scipy() -> None:
    first_K, second_L = np.array([0.91, 0.92, 0.9, 0.95]), np.array([0.9, 0.88, 0.87])
    expected = ttest_ind(first_K, second_L, equal_var=False).confidence_interval(0.9)
    found = welch_difference(first_K, second_L, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_few_models_get_the_wider_interval() -> None:
    first_KN, second_LN = _outcomes(1, 3, 0.8), _outcomes(2, 3, 0.75)
    draws_R = paired_draws(first_KN[None], second_LN[None], draws=500)[:, 0]
    few = difference(first_KN, second_LN, draws_R, 0.95)
    welch = welch_difference(first_KN.mean(axis=1), second_LN.mean(axis=1), 0.95)
    percentile = np.quantile(draws_R, [0.025, 0.975])
    assert few.high - few.low == pytest.approx(max(welch.high - welch.low, float(np.ptp(percentile))))


def test_the_number_of_models_that_separates_is_the_smallest_one() -> None:
    first_K, second_L = np.array([0.90, 0.94, 0.92, 0.96]), np.array([0.90, 0.92, 0.91, 0.93])
    needed = models_to_separate(first_K, second_L, 0.95)
    assert needed is not None

    def separated(count: int) -> bool:
        def grown(samples: np.ndarray) -> np.ndarray:
            """`count` models with exactly the mean and variance of `samples`."""
            scatter = np.random.default_rng(0).normal(size=count)
            scatter = (scatter - scatter.mean()) / scatter.std(ddof=1)
            return samples.mean() + scatter * samples.std(ddof=1)

        # the power rule takes 2 (n - 1) degrees of freedom, the equal-variance case
        test = ttest_ind(grown(first_K), grown(second_L), equal_var=True)
        interval = test.confidence_interval(0.95)
        return bool(interval.low > 0 or interval.high < 0)

    assert separated(needed)
    assert not separated(needed - 1)


def test_no_number_of_models_separates_equal_means() -> None:
    samples = np.array([0.9, 0.92, 0.94])
    assert models_to_separate(samples, samples, 0.95) is None


def test_the_overlap_counts_sets_and_expects_chance() -> None:
    first_N = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], dtype=bool)
    second_N = np.array([0, 1, 1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    found = overlap(first_N, second_N)
    assert found == Overlap(first=3, second=4, common=2, num_examples=10)
    assert found.jaccard == pytest.approx(2 / 5)
    assert found.jaccard_by_chance == pytest.approx(1.2 / (7 - 1.2))
    assert overlap(first_N & False, second_N & False).jaccard is None
