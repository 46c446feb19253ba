"""Splits into halves: all of them, each once, fairly reduced; and the jackknife from its formula."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from benchmark.scoring.statistics.halves import Halves, jackknife_variance


def as_sets(halves: Halves) -> list[frozenset[frozenset[int]]]:
    """Spell every split as an unordered pair of sets of models."""
    return [
        frozenset((frozenset(np.flatnonzero(first).tolist()), frozenset(np.flatnonzero(second).tolist())))
        for first, second in zip(halves.first_TK, halves.second_TK, strict=True)
    ]


@pytest.mark.parametrize(("num_models", "count"), [(2, 1), (3, 3), (4, 3), (5, 15), (6, 10), (7, 70)])
def test_all_splits_are_those_that_permutations_give_each_once(num_models: int, count: int) -> None:
    half = num_models // 2
    expected = {
        frozenset((frozenset(order[:half]), frozenset(order[half : 2 * half])))
        for order in permutations(range(num_models))
    }
    splits = as_sets(Halves.of(num_models, max_splits=100))
    assert len(splits) == count
    assert set(splits) == expected


@pytest.mark.parametrize("num_models", [7, 10, 30])
def test_sampled_splits_are_distinct_disjoint_equal_and_the_same_every_time(num_models: int) -> None:
    halves = Halves.of(num_models, max_splits=50)
    splits = as_sets(halves)
    assert len(set(splits)) == 50
    assert splits == as_sets(Halves.of(num_models, max_splits=50))
    for first, second in splits:
        assert len(first) == len(second) == num_models // 2
        assert not first & second


def test_sampling_leaves_every_model_of_an_odd_population_out_equally_often() -> None:
    halves = Halves.of(9, max_splits=45)
    assert (1 - halves.first_TK - halves.second_TK).sum(axis=0).tolist() == [5] * 9


def test_one_model_has_no_halves() -> None:
    assert Halves.of(1, max_splits=10).first_TK.shape == (0, 1)


@pytest.mark.parametrize(("num_models", "max_splits"), [(4, 200), (6, 200), (10, 200), (30, 200)])
def test_reduced_splits_leave_every_model_out_equally_often_and_stay_disjoint(num_models: int, max_splits: int) -> None:
    reduced = Halves.of(num_models, max_splits).without_one_each()
    membership_TK = reduced.first_TK + reduced.second_TK
    assert membership_TK.max() == 1
    assert set(reduced.first_TK.sum(axis=1)) == set(reduced.second_TK.sum(axis=1)) == {num_models // 2 - 1}
    assert len(set((1 - membership_TK).sum(axis=0).tolist())) == 1


def test_with_few_models_reducing_gives_every_split_of_every_smaller_population_equally_often() -> None:
    """Six models: each of the 45 disjoint pairs of pairs comes from two splits into threes."""
    splits = as_sets(Halves.of(6, 200).without_one_each())
    expected = {
        frozenset((frozenset(order[:2]), frozenset(order[2:4]))) for order in permutations(range(6))
    }
    assert len(expected) == 45
    assert {split: splits.count(split) for split in expected} == dict.fromkeys(expected, 2)


def test_the_jackknife_of_a_mean_is_its_squared_standard_error() -> None:
    """Of odd populations every split leaves one model out; a statistic that is the mean of the others has known error.

    For the mean, `(K - 1)/K sum_k (m_k - mean m)^2` with `m_k` the mean without model k equals `s^2 / K`.
    """
    values_K = np.array([0.3, 0.1, 0.8, 0.5, 0.9])
    halves = Halves.of(5, max_splits=100)
    reduced_T = (halves.first_TK + halves.second_TK) @ values_K / 4
    left_out_TK = halves.left_out_tk
    variance = jackknife_variance(reduced_T @ left_out_TK / left_out_TK.sum(axis=0))
    assert variance == pytest.approx(values_K.var(ddof=1) / 5, rel=1e-6)


def test_no_split_of_two_models_leaves_one_out() -> None:
    assert not Halves.of(2, max_splits=10).left_out_tk.any()
