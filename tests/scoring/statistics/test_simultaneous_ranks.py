"""Simultaneous places and letters: what they mean, and how often any of them is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmark.scoring.statistics.simultaneous_ranks import ahead, holm, rank_intervals, tie_groups


def test_holm_is_the_step_down_of_bonferroni() -> None:
    p_M = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(p_M).tolist() == [0.03, 0.06, 0.06, 0.02]
    assert holm(np.zeros(0)).tolist() == []
    p_3M = np.random.default_rng(0).random((3, 40)) ** 4
    expected = np.stack([np.asarray(multipletests(row, method="holm")[1]) for row in p_3M])
    np.testing.assert_allclose(holm(p_3M), expected)


def test_a_weighted_test_may_use_its_share_of_the_error_and_leaves_it_to_the_others() -> None:
    """Weights 3 and 1: at .05 the first passes up to .0375, then the second up to .05, and the reverse up to .0125."""
    weights_2 = np.array([3.0, 1.0])
    assert holm(np.array([0.03, 0.05]), weights_2) == pytest.approx([0.04, 0.05])
    assert holm(np.array([0.05, 0.0125]), weights_2) == pytest.approx([0.05, 0.05])
    assert holm(np.array([0.05, 0.03]), weights_2) == pytest.approx([0.05 * 4 / 3, 0.05 * 4 / 3])


def test_places_count_who_is_separated() -> None:
    """Pairs (0, 1), (0, 2), (1, 2): 0 is ahead of both, 1 and 2 are tied."""
    found = ahead(np.array([0.3, 0.4, 0.1]), np.array([0.01, 0.05, 0.2]), 3, 0.05)
    assert rank_intervals(found).tolist() == [[1, 1], [2, 3], [2, 3]]
    assert tie_groups(found, np.arange(3)) == [(0,), (1,), (1,)]


@st.composite
def separations(draw: st.DrawFn) -> NDArray[np.bool_]:
    n = draw(st.integers(1, 9))
    flags = draw(st.lists(st.booleans(), min_size=n * n, max_size=n * n))
    return np.triu(np.array(flags).reshape(n, n), 1)


@given(separations(), st.randoms())
def test_two_share_a_letter_exactly_when_they_are_not_separated(upper: NDArray[np.bool_], random: object) -> None:
    """Whatever is separated, also where a noisy method ties with a leader that beats everybody in between."""
    shuffled = np.arange(len(upper))
    random.shuffle(shuffled)  # pyright: ignore[reportAttributeAccessIssue]
    ahead_nn = np.zeros_like(upper)
    ahead_nn[np.ix_(shuffled, shuffled)] = upper
    groups = tie_groups(ahead_nn, shuffled)
    assert all(groups)
    assert groups[shuffled[0]][0] == 0
    for i in range(len(upper)):
        for j in range(len(upper)):
            if i != j:
                assert bool(set(groups[i]) & set(groups[j])) == (not (ahead_nn[i, j] or ahead_nn[j, i]))


def test_equal_widths_give_runs_of_letters() -> None:
    values = np.array([9.0, 8, 7, 5, 1])
    ahead_nn = values[:, None] - values > 2.5
    assert tie_groups(ahead_nn, np.arange(5)) == [(0,), (0,), (0, 1), (1,), (2,)]


def test_hundred_equal_methods_are_all_tied_in_nineteen_boards_of_twenty() -> None:
    """The intervals of each alone separate some pair in a fifth of boards or more (S4)."""
    rng, false, overlapping = np.random.default_rng(4), 0, 0
    first, second = np.triu_indices(100, 1)
    for _ in range(400):
        value_n = rng.normal(size=100)
        gap_M = value_n[first] - value_n[second]
        p_M = 2 * stats.norm.sf(np.abs(gap_M) / np.sqrt(2))
        false += bool(ahead(gap_M, holm(p_M), 100, 0.05).any())
        overlapping += bool((np.abs(gap_M) > 2 * 1.96).any())
    assert false / 400 <= 0.06
    assert overlapping / 400 > 0.2
