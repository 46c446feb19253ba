"""What scorer and board both compute: against formulas written out, and against scipy to the last bit."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from benchmark.scoring.metric import Estimate
from benchmark.scoring.score_math import (
    Interval,
    area_over_compression,
    as_kept,
    chance_corrected,
    compression_weights,
    label_histogram,
    modal_labels,
    t_interval,
    t_quantile,
)

SPARSITIES = tuple(Decimal(text) for text in ("0.5", "0.8", "0.9", "0.95", "0.98"))


def exact_weights(sparsities: Sequence[Decimal]) -> NDArray[np.float64]:
    """The mean height of every curve that is 1 at one point and 0 elsewhere."""
    positions = np.array([-math.log2(1 - float(sparsity)) for sparsity in sparsities])
    return np.array([np.trapezoid(row, positions) for row in np.eye(len(positions))]) / np.ptp(positions)


def test_compression_weights_are_the_areas_of_single_points() -> None:
    np.testing.assert_allclose(compression_weights(SPARSITIES), exact_weights(SPARSITIES), atol=1e-12)


def test_sparsities_of_a_board_which_are_floats_weigh_the_same_to_the_last_bit() -> None:
    """1 - 0.9 is not 0.1 in binary: the board's own formula differed from the scorer's in the last bits."""
    floats = [float(sparsity) for sparsity in SPARSITIES]
    np.testing.assert_array_equal(compression_weights(floats), compression_weights(SPARSITIES))
    np.testing.assert_array_equal(compression_weights(np.array(floats).tolist()), compression_weights(SPARSITIES))


@pytest.mark.parametrize("texts", [(), ("0.9", "0.5"), ("0.5", "0.5")])
def test_an_area_needs_increasing_sparsities(texts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="expected increasing sparsities"):
        compression_weights([Decimal(text) for text in texts])


def test_the_area_over_one_sparsity_is_the_height_there() -> None:
    assert compression_weights([0.9]).tolist() == [1.0]
    assert float(area_over_compression([0.9], [0.3])) == 0.3


def test_the_area_of_many_curves_is_that_of_each() -> None:
    heights_JKN = np.random.default_rng(0).random((5, 2, 3))
    areas_KN = area_over_compression(SPARSITIES, heights_JKN)
    assert areas_KN.shape == (2, 3)
    for k, i in np.ndindex(2, 3):
        assert areas_KN[k, i] == pytest.approx(heights_JKN[:, k, i] @ exact_weights(SPARSITIES))


def test_chance_is_corrected_alike_for_numbers_and_arrays() -> None:
    accuracies, chances = np.array([0.4, 0.7, 1.0]), np.array([0.1, 0.5, 0.5])
    one_by_one = [chance_corrected(*pair) for pair in zip(accuracies.tolist(), chances.tolist(), strict=True)]
    assert chance_corrected(accuracies, chances).tolist() == one_by_one
    assert chance_corrected(0.25, 0.25) == 0


@given(st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=7))
def test_the_mode_is_the_lowest_of_the_most_frequent_labels(rows: list[list[int]]) -> None:
    labels_KN = np.array(rows, np.uint8)
    expected = [min(set(votes), key=lambda label: (-votes.count(label), label)) for votes in labels_KN.T.tolist()]
    assert modal_labels(labels_KN, 5).tolist() == expected
    assert (label_histogram(labels_KN, 5).sum(axis=1) == len(rows)).all()


def test_the_t_interval_is_the_textbook_formula() -> None:
    values_K = np.array([0.91, 0.94, 0.90, 0.97])
    mean = sum(values_K) / 4
    deviation = (sum((value - mean) ** 2 for value in values_K) / 3) ** 0.5
    margin = 3.182446305284263 * deviation / 2  # t(0.975, 3 degrees of freedom), from a table
    assert t_interval(values_K, 0.95) == pytest.approx((mean - margin, mean + margin))
    oracle = stats.ttest_1samp(values_K, 0).confidence_interval(0.95)
    assert t_interval(values_K, 0.95) == pytest.approx((oracle.low, oracle.high))


def test_the_t_interval_has_the_bits_of_the_records_that_are_there() -> None:
    """Records were written with `scipy.stats`; the leaderboard cannot wait for it, so only its quantile is taken."""
    random = np.random.default_rng(0)
    for num_models in range(3, 40):
        values_K, confidence = random.random(num_models), float(random.uniform(0.5, 0.999))
        mean, error = float(np.mean(values_K)), float(stats.sem(values_K))
        margin = float(stats.t.ppf((1 + confidence) / 2, num_models - 1)) * error
        assert t_interval(values_K, confidence) == (mean - margin, mean + margin)


def test_without_variance_the_t_interval_has_no_width_and_two_models_have_none() -> None:
    assert t_interval(np.full(4, 0.5), 0.95) == Interval(0.5, 0.5)
    assert t_interval(np.array([0.5]), 0.95) is None
    assert t_interval(np.array([0.5, 0.6]), 0.95) is None
    assert t_quantile(2.5, 0.95) == pytest.approx(stats.t.ppf(0.975, 2.5))


def test_an_estimate_over_one_model_has_a_value_without_interval() -> None:
    assert Estimate.over_models(np.array([0.25]), 0.95) == Estimate(value=0.25)
    assert Estimate.over_models(np.array([]), 0.95) == Estimate(value=None)


def test_what_the_leaderboard_shares_with_the_scorer_needs_neither_torch_nor_at_first_scipy() -> None:
    modules = "benchmark.scoring.score_math, benchmark.scoring.metric_names"
    program = f"import sys, {modules}; print([name for name in ('torch', 'scipy', 'pydantic') if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


@given(st.floats(2**-100, 2**100), st.sampled_from([-1.0, 1.0]))
def test_what_is_kept_per_image_has_eleven_significant_bits(value: float, sign: float) -> None:
    (kept,) = as_kept([sign * value]).tolist()
    spacing = Fraction(2) ** (math.frexp(value)[1] - 11)
    assert kept == sign * float(round(Fraction(value) / spacing) * spacing)
    assert abs(kept - sign * value) <= 2**-11 * value
    assert as_kept([kept]).tolist() == [kept]


def test_undefined_numbers_stay_so() -> None:
    kept = as_kept([math.nan, math.inf, 0.0, 1.0])
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, [math.nan, math.inf, 0.0, 1.0])
