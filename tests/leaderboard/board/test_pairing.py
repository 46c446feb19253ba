"""Differences over models, checked against Welch's test of scipy, and the overlap of two sets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from leaderboard.board.pairing import Overlap, overlap, welch_difference


def test_welchs_interval_is_the_one_of_scipy() -> None:
    first_K, second_L = np.array([0.91, 0.92, 0.9, 0.95]), np.array([0.9, 0.88, 0.87])
    expected = ttest_ind(first_K, second_L, equal_var=False).confidence_interval(0.9)
    found = welch_difference(first_K, second_L, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def _by_chance(first: int, second: int, num_examples: int) -> float:
    """Mean overlap of one set with every set of the other size, one after the other."""
    fixed = set(range(first))
    drawn = [set(each) for each in combinations(range(num_examples), second)]
    return sum(len(fixed & each) / len(fixed | each) for each in drawn) / len(drawn)


def test_what_chance_gives_is_the_mean_of_the_ratio_and_not_the_ratio_of_the_means() -> None:
    """S10: for sets of one, the ratio of the means is half of what is drawn on average."""
    assert Overlap(1, 1, 0, 10).jaccard_by_chance == pytest.approx(0.1)
    assert Overlap(0, 0, 0, 10).jaccard_by_chance is None


def test_the_overlap_counts_sets_and_expects_chance() -> None:
    first_N = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], dtype=bool)
    second_N = np.array([0, 1, 1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    found = overlap(first_N, second_N)
    assert found == Overlap(first=3, second=4, common=2, num_examples=10)
    assert found.jaccard == pytest.approx(2 / 5)
    assert found.jaccard_by_chance == pytest.approx(_by_chance(3, 4, 10))
    assert overlap(first_N & False, second_N & False).jaccard is None
