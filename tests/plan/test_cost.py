"""What training costs: fitted to pieces whose true cost is known, and packed onto workers within a proven bound."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.plan.cost import (
    Course,
    Observed,
    Stretch,
    UpdateCost,
    fit,
    lockstep,
    makespan,
    observe,
    shortest_makespan,
    starting_order,
)
from benchmark.plan.tree import Segment

TRUE = UpdateCost(model_s=0.012, batch_s=0.09, start_s=1.7)
DURATIONS = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=40)


def segment(start: int, stop: int, name: str) -> Segment:
    return Segment(key=name, parent=None, start=start, stop=stop, applied=(), events=(), is_leaf=False)


def tree() -> list[Segment]:
    """A trunk that branches at 10 into 4, and at 60 one of them into 6 more."""
    branches = [segment(10, 100, f"early{place}") for place in range(3)]
    return [segment(0, 10, "trunk"), *branches, segment(10, 60, "rest"), *(segment(60, 100, f"l{n}") for n in range(6))]


def observed(
    segments: list[Segment], cost: UpdateCost, disturb: Callable[[int], float] = lambda number: 1.0
) -> list[Observed]:
    """Time each segment as a trainer does: every step's time is shared by the models in it, the start by the first."""
    found: list[Observed] = []
    stretches = lockstep(segments)
    for number, each in enumerate(segments):
        took_s = cost.start_s if each.start == 0 else 0.0
        for step in range(each.start, each.stop):
            width = sum(other.start <= step < other.stop for other in segments)
            took_s += cost.batch_s / width + cost.model_s
        found.append(observe(stretches, each.start, each.stop, took_s * disturb(number)))
    return found


def test_stretches_of_lockstep_are_counted_by_hand() -> None:
    assert lockstep(tree()) == (Stretch(0, 10, 1), Stretch(10, 60, 4), Stretch(60, 100, 9))
    assert lockstep([segment(0, 5, "a"), segment(8, 9, "b"), segment(9, 9, "no updates")]) == (
        Stretch(0, 5, 1), Stretch(8, 9, 1),
    )  # fmt: skip
    assert lockstep([]) == ()


def test_the_cost_of_batches_models_and_starts_is_told_apart() -> None:
    found = fit(observed(tree(), TRUE))
    assert found is not None
    assert (found.model_s, found.batch_s, found.start_s) == pytest.approx((0.012, 0.09, 1.7))


def test_a_fit_to_noisy_times_predicts_the_whole_within_the_noise() -> None:
    found = fit(observed(tree(), TRUE, lambda number: 1.1 if number % 2 else 0.9))
    assert found is not None
    assert found.seconds(tree()) == pytest.approx(TRUE.seconds(tree()), rel=0.1)


def test_too_few_widths_give_the_mean_per_update_and_nothing_gives_none() -> None:
    assert fit([]) is None
    assert fit([Observed(0, 0.0, 0, 3.0)]) is None
    assert fit([Observed(10, 10.0, 1, 5.0), Observed(30, 10.0, 0, 3.0)]) == UpdateCost(8.0 / 40)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 30), st.floats(0, 1e9)), min_size=1, max_size=30))
def test_no_part_of_a_cost_is_ever_negative(pieces: list[tuple[int, int, float]]) -> None:
    """Reports are a trainer's own words: whatever they say, no time left is below zero."""
    found = fit([Observed(updates, updates / width, 0, seconds) for updates, width, seconds in pieces])
    assert found is not None
    assert min(found.model_s, found.batch_s, found.start_s) >= 0


def test_the_time_of_a_seed_is_the_sum_over_its_steps() -> None:
    by_hand = 1.7 + sum(0.09 + width * 0.012 for width in [1] * 10 + [4] * 50 + [9] * 40)
    assert TRUE.seconds(tree()) == pytest.approx(by_hand)


def test_a_course_is_slow_where_few_models_share_a_batch() -> None:
    course = Course(tree(), UpdateCost(model_s=1.0, batch_s=9.0))
    assert course.spent_s(0) == 0
    assert course.spent_s(10) == pytest.approx(10 * 10)
    assert course.spent_s(10 + 4 * 50) == pytest.approx(100 + 50 * 13)
    assert course.spent_s(10 + 4 * 25) == pytest.approx(100 + 25 * 13)
    assert course.spent_s(10**9) == course.total_s == pytest.approx(100 + 50 * 13 + 40 * 18)
    assert Course([], UpdateCost(1.0)).spent_s(5) == 0


@given(DURATIONS, st.integers(1, 8))
def test_the_order_chosen_is_no_later_than_that_of_submission_and_within_the_proven_bound(
    durations: list[float], workers: int
) -> None:
    """Graham's bound is against the best schedule, which the lower bound underestimates: one job more per worker."""
    ordered = [durations[position] for position in starting_order(durations, workers)]
    made, least = makespan(ordered, workers), shortest_makespan(durations, workers)
    assert least <= made * (1 + 1e-9)
    assert made <= makespan(durations, workers)
    pair = sum(sorted(durations, reverse=True)[workers - 1 : workers + 1]) if len(durations) > workers else 0.0
    assert made <= (4 / 3) * max(least, pair) * (1 + 1e-9)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(1, 3))
def test_the_order_chosen_is_within_four_thirds_of_the_best_order(durations: list[int], workers: int) -> None:
    """Some order of starting is optimal, so that trying all of them gives the optimum."""
    best = min(makespan(order, workers) for order in permutations(durations))
    ordered = [durations[position] for position in starting_order(durations, workers)]
    assert makespan(ordered, workers) <= (4 / 3 - 1 / (3 * workers)) * best + 1e-9


def test_the_longest_start_first_equals_as_they_came_and_a_lucky_order_is_kept() -> None:
    assert starting_order([2.0, 3.0, 2.0, 4.0], 2) == [3, 1, 0, 2]
    assert starting_order([3.0, 3.0, 2.0, 2.0, 2.0], 2) == [0, 1, 2, 3, 4]
    assert starting_order([1.0, 1.0, 1.0], 2) == [0, 1, 2]
    lucky = [3.0, 2.0, 2.0, 3.0, 2.0]
    assert (makespan(lucky, 2), makespan(sorted(lucky, reverse=True), 2)) == (6.0, 7.0)
    assert starting_order(lucky, 2) == [0, 1, 2, 3, 4]
    assert starting_order([], 2) == []


def test_jobs_under_way_keep_their_workers_busy() -> None:
    assert makespan([4.0], 2, running=[3.0, 5.0]) == 7.0
    assert makespan([4.0], 2, running=[5.0]) == 5.0
    assert makespan([], 3) == 0.0
