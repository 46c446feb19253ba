"""Numbers with bounds: what is missing or not finite, and the t interval over models."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t

from leaderboard.board.estimates import IntervalEstimate, mean_over_models


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_cannot_be_ranked(value: float | None) -> None:
    """MLflow stores +Inf as 1.797e308, which would rank first."""
    assert IntervalEstimate.of(value, 0.0, 1.0) is None


def test_missing_bounds_become_the_value_and_bounds_always_hold_it() -> None:
    assert IntervalEstimate.of(0.5, None, 0.4) == IntervalEstimate(0.5, 0.5, 0.5)
    assert IntervalEstimate.of(0.5, float("nan"), 0.6) == IntervalEstimate(0.5, 0.5, 0.6)


def test_the_interval_over_models_is_students_t() -> None:
    samples_K = np.array([0.7, 0.8, 0.9])
    found = mean_over_models(samples_K)
    half = 4.302652729911275 * 0.1 / math.sqrt(3)
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.8 - half, 0.8 + half))


def test_the_interval_over_models_is_students() -> None:
    samples_K = np.array([0.81, 0.79, 0.84, 0.8])
    found = mean_over_models(samples_K, 0.9)
    expected = t.interval(0.9, 3, samples_K.mean(), samples_K.std(ddof=1) / 2)
    assert (found.low, found.high) == pytest.approx(expected)
