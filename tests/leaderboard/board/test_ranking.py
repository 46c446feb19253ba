"""Ranks, rank intervals and tie groups, checked against their definitions read naively."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import kendalltau

from benchmark.scoring.score_math import area_over_compression, compression_weights, log2_compression
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.inference.separation import Separation
from leaderboard.board.ranking import Direction, Sampling, agreement, leading, ordered, oriented, rank

NUMBERS = st.integers(-20, 20).map(lambda n: n / 10)


INTERVALS = st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted).map(lambda n: IntervalEstimate(n[1], n[0], n[2]))


SCORES = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), INTERVALS, max_size=12)


DIRECTIONS = st.sampled_from(["higher", "lower"])


SPARSITIES = st.lists(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98]), min_size=1, unique=True).map(sorted)


def _separated_above(
    other: IntervalEstimate, mine: IntervalEstimate, better: Direction, num_pairs: int = 1
) -> bool:
    """Say whether `other` is ahead, by the formula of `Intervals.ahead` for numbers over very many models."""
    if better == "lower":
        other, mine = (IntervalEstimate(-each.value, -each.high, -each.low) for each in (other, mine))
    factor = float(stats.norm.isf(0.025 / num_pairs) / stats.norm.isf(0.025))
    is_apart = other.value - mine.value > factor * math.hypot(other.value - other.low, mine.high - mine.value)
    return is_apart and other.width > 0 and mine.width > 0


def _num_pairs(scores: dict[str, IntervalEstimate]) -> int:
    return max(math.comb(len(scores), 2), 1)


@given(SCORES, DIRECTIONS)
def test_the_rank_interval_counts_who_is_separated_on_either_side(
    scores: dict[str, IntervalEstimate], better: Direction
) -> None:
    for name, standing in rank(scores, better).items():
        num_pairs = _num_pairs(scores)
        above = sum(_separated_above(other, scores[name], better, num_pairs) for other in scores.values())
        below = sum(_separated_above(scores[name], other, better, num_pairs) for other in scores.values())
        assert (standing.best, standing.worst) == (1 + above, len(scores) - below)


@given(SCORES, DIRECTIONS)
def test_the_rank_lies_in_the_rank_interval_and_counts_strictly_better_values(
    scores: dict[str, IntervalEstimate], better: Direction
) -> None:
    sign = 1 if better == "higher" else -1
    for name, standing in rank(scores, better).items():
        assert standing.rank is not None
        assert standing.rank == 1 + sum(sign * other.value > sign * scores[name].value for other in scores.values())
        assert standing.best is not None
        assert standing.worst is not None
        assert standing.best <= standing.rank <= standing.worst


@given(SCORES, DIRECTIONS)
def test_two_submissions_share_a_letter_exactly_when_they_are_not_separated(
    scores: dict[str, IntervalEstimate], better: Direction
) -> None:
    standings, num_pairs = rank(scores, better), _num_pairs(scores)
    for a, first in standings.items():
        for b, second in standings.items():
            separated = any(
                _separated_above(scores[one], scores[other], better, num_pairs) for one, other in ((a, b), (b, a))
            )
            assert bool(set(first.groups) & set(second.groups)) == (not separated)


@given(SCORES, DIRECTIONS)
def test_group_letters_start_with_the_leaders_and_leave_no_gap(
    scores: dict[str, IntervalEstimate], better: Direction
) -> None:
    standings = rank(scores, better)
    groups = {group for standing in standings.values() for group in standing.groups}
    assert groups == set(range(len(groups)))
    if scores:
        leader = standings[ordered(scores, better, standings)[0]]
        assert leader.groups[0] == 0
        assert all(set(s.groups) & set(leader.groups) for s in standings.values() if s.best == 1)


@given(SCORES, DIRECTIONS)
def test_leading_are_those_whose_best_place_is_the_first(
    scores: dict[str, IntervalEstimate], better: Direction
) -> None:
    sampling = Sampling(num_models=dict.fromkeys(scores, 6))
    standings = rank(scores, better, sampling=sampling)
    expected = [name for name in ordered(scores, better, standings) if standings[name].best == 1]
    assert leading(scores, better, sampling) == expected


def test_a_hundred_equal_submissions_of_ten_models_are_rarely_separated() -> None:
    """Intervals of each alone, compared by overlap, separate some pair on .21 of such boards (S4)."""
    rng, separated = np.random.default_rng(9), 0
    quantile = stats.t.isf(0.025, 9)
    for _ in range(100):
        samples = rng.normal(size=(100, 10))
        means, margins = samples.mean(axis=1), quantile * samples.std(axis=1, ddof=1) / np.sqrt(10)
        scores = {
            f"{n}": IntervalEstimate(mean, mean - margin, mean + margin)
            for n, (mean, margin) in enumerate(zip(means.tolist(), margins.tolist(), strict=True))
        }
        standings = rank(scores, "higher", sampling=Sampling(0.95, dict.fromkeys(scores, 10)))
        separated += any(standing.best != 1 for standing in standings.values())
    assert separated <= 8


def test_a_number_without_an_interval_orders_and_separates_nobody_unless_it_is_a_fact() -> None:
    """Every place by worst seed was unique: of equal methods some pair was separated on every board."""
    scores = {name: IntervalEstimate(value, value, value) for name, value in (("a", 0.9), ("b", 0.8), ("c", 0.7))}
    mixed = scores | {"d": IntervalEstimate(0.1, 0.09, 0.11), "e": IntervalEstimate(0.5, 0.49, 0.51)}
    estimated, fact = (rank(scores, "higher", sampling=Sampling(exact=exact)) for exact in (False, True))
    assert [(each.rank, each.rank_text) for each in estimated.values()] == [(1, "1–3"), (2, "1–3"), (3, "1–3")]
    assert [each.rank_text for each in fact.values()] == ["1", "2", "3"]
    assert leading(scores, "higher", Sampling()) == ["a", "b", "c"]
    found = rank(mixed, "higher")
    assert (found["e"].rank_text, found["d"].rank_text, found["a"].rank_text) == ("1–4", "2–5", "1–5")


def test_where_there_are_planned_tests_they_separate_and_not_the_intervals() -> None:
    scores = {name: IntervalEstimate(m, m - 1e-3, m + 1e-3) for name, m in (("a", 0.72), ("b", 0.7), ("c", 0.4))}
    ahead_nn = np.array([[0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]], bool)  # x beats a; a and b beat c
    tested = Sampling(separation=Separation(["x", "c", "a", "b"], ahead_nn))
    places = [
        {name: standing.rank_text for name, standing in rank(scores, "higher", sampling=each).items()}
        for each in (Sampling(), tested, Sampling(separation=Separation([], np.zeros((0, 0), bool))))
    ]
    assert places == [
        {"a": "1", "b": "2", "c": "3"}, {"a": "1–2", "b": "1–2", "c": "3"}, {"a": "1–3", "b": "1–3", "c": "1–3"}
    ]  # fmt: skip
    assert leading(scores, "higher", tested) == ["a", "b"]


@given(SCORES, DIRECTIONS, st.data())
def test_barred_submissions_are_kept_with_their_reason_and_change_nobody_else(
    scores: dict[str, IntervalEstimate], better: Direction, data: st.DataObject
) -> None:
    barred = set(data.draw(st.lists(st.sampled_from(sorted(scores)), unique=True))) if scores else set[str]()
    standings = rank(scores, better, dict.fromkeys(barred, "2 of 126 runs failed"))
    alone = rank({name: score for name, score in scores.items() if name not in barred}, better)
    assert {name: standings[name] for name in alone} == alone
    assert set(standings) == set(scores)
    assert all((standings[name].rank, standings[name].reason) == (None, "2 of 126 runs failed") for name in barred)


@given(SCORES, DIRECTIONS)
def test_turning_all_numbers_around_turns_the_direction_around(
    scores: dict[str, IntervalEstimate], better: Direction
) -> None:
    mirrored = {name: IntervalEstimate(-s.value, -s.high, -s.low) for name, s in scores.items()}
    assert rank(scores, better) == rank(mirrored, "lower" if better == "higher" else "higher")


@given(SCORES, DIRECTIONS)
def test_the_order_follows_the_ranks_and_puts_unranked_last(
    scores: dict[str, IntervalEstimate], better: Direction
) -> None:
    with_missing: dict[str, IntervalEstimate | None] = {**scores, "zz-missing": None}
    standings = rank(with_missing, better)
    names = ordered(with_missing, better, standings)
    ranks = [standings[name].rank for name in names if standings[name].rank is not None]
    assert ranks == sorted(ranks, key=lambda each: each or 0)
    assert names[-1] == "zz-missing"
    assert standings["zz-missing"].reason == "no value"


def test_ranks_are_worded_as_intervals_and_ties_as_letters() -> None:
    standings = rank(
        {"a": IntervalEstimate(0.9, 0.88, 0.92), "b": IntervalEstimate(0.87, 0.85, 0.89),
         "c": IntervalEstimate(0.835, 0.815, 0.855), "d": IntervalEstimate(0.1, 0.05, 0.15)}, "higher")  # fmt: skip
    texts = {name: (standing.rank_text, standing.group_text) for name, standing in standings.items()}
    assert texts == {"a": ("1–2", "a"), "b": ("1–3", "a–b"), "c": ("2–3", "b"), "d": ("4", "")}


@given(SPARSITIES, st.data())
def test_the_area_is_the_trapezoid_rule_over_log2_compression(sparsities: list[float], data: st.DataObject) -> None:
    heights = data.draw(st.lists(st.floats(0, 1), min_size=len(sparsities), max_size=len(sparsities)))
    places = [log2_compression(sparsity) for sparsity in sparsities]
    if len(places) == 1:
        expected = heights[0]
    else:
        pieces = [(places[i + 1] - places[i]) * (heights[i] + heights[i + 1]) / 2 for i in range(len(places) - 1)]
        expected = sum(pieces) / (places[-1] - places[0])
    assert area_over_compression(sparsities, heights) == pytest.approx(expected, abs=1e-12)
    assert compression_weights(sparsities).sum() == pytest.approx(1)


def test_agreement_is_one_for_the_same_order_and_minus_one_for_the_reverse() -> None:
    rising = {name: IntervalEstimate(value, value, value) for name, value in zip("abc", (1.0, 2.0, 3.0), strict=True)}
    assert agreement(rising, rising) == pytest.approx(1)
    assert agreement(rising, oriented(rising, "lower")) == pytest.approx(-1)
    assert agreement(rising, {"a": rising["a"]}) is None


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=30))
def test_agreement_is_kendalls_tau_b_ties_included(pairs: list[tuple[float, float]]) -> None:
    first, second = ({f"{n}": IntervalEstimate.of(pair[side]) for n, pair in enumerate(pairs)} for side in (0, 1))
    oracle: Any = kendalltau(*zip(*pairs, strict=True))
    found, expected = agreement(first, second), float(oracle.statistic)
    if math.isnan(expected):
        assert found is None
    else:
        assert found == pytest.approx(expected, abs=1e-12)
