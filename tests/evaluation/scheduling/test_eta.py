"""The time left: what a simulated evaluation turns out to take, however its speed changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from benchmark.evaluation.scheduling.eta import WINDOW_S, Forecast, JobProgress, JobsProgress
from benchmark.plan.cost import Course, UpdateCost
from tests.plan.test_cost import tree

COST = UpdateCost(model_s=0.05, batch_s=0.2)


def simulate(
    courses: Sequence[Course], sizes: Sequence[int], workers: int, speed: Callable[[float], float], *,
    in_seconds: bool = False, silent_s: float = 0.0,
) -> list[tuple[float, float | None]]:  # fmt: skip
    """Run jobs in steps of a second; gives (now, seconds foretold), and last the end of everything with 0."""
    forecast = Forecast(courses, workers, in_seconds=in_seconds)
    spent_s, now, told = [0.0] * len(sizes), 0.0, list[tuple[float, float | None]]()
    while any(spent < course.total_s for spent, course in zip(spent_s, courses, strict=True)):
        open_jobs = [place for place, course in enumerate(courses) if spent_s[place] < course.total_s]
        running = set(open_jobs[:workers])
        states = [
            "running" if place in running else "waiting" if place in open_jobs else "ended"
            for place in range(len(sizes))
        ]
        updates = [_updates(course, size, spent) for course, size, spent in zip(courses, sizes, spent_s, strict=True)]
        jobs = tuple(JobProgress(state, made) for state, made in zip(states, updates, strict=True))  # pyright: ignore[reportArgumentType]
        told.append((now, forecast.left_s(JobsProgress(jobs, None), now)))
        now += 1.0
        for place in running:
            spent_s[place] += speed(now) if now > silent_s else 0.0
    return [*told, (now, 0.0)]


def _updates(course: Course, size: int, spent_s: float) -> int:
    """Invert the course by search."""
    low, high = 0, size
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if course.spent_s(middle) <= spent_s else (low, middle - 1)
    return low


SIZE = sum(each.num_steps for each in tree())


def test_three_seeds_on_two_workers_are_foretold_although_the_last_one_stands_alone() -> None:
    """Divided by the speed of two workers, as it used to be, the time left was a quarter too short."""
    courses = [Course(tree(), COST)] * 3
    told = simulate(courses, [SIZE] * 3, 2, lambda now: 1.0)
    end = told[-1][0]
    assert end == pytest.approx(2 * courses[0].total_s, abs=2)
    for now, left_s in told[20:]:
        assert left_s == pytest.approx(end - now, abs=0.05 * end)


def test_a_slow_trunk_does_not_frighten_where_the_cost_is_known() -> None:
    course = Course(tree(), COST)
    told = simulate([course], [SIZE], 1, lambda now: 1.0, in_seconds=True)
    assert told[0][1] == pytest.approx(course.total_s)
    assert all(left_s == pytest.approx(told[-1][0] - now, abs=8) for now, left_s in told)


def test_a_machine_that_becomes_three_times_slower_is_noticed_within_a_window() -> None:
    courses = [Course(tree(), COST)] * 3
    told = simulate(courses, [SIZE] * 3, 1, lambda now: 1.0 if now < 20 else 1 / 3)
    end = told[-1][0]
    assert end > 250
    seen = [(now, left_s) for now, left_s in told if now > 20 + WINDOW_S]
    assert all(left_s == pytest.approx(end - now, rel=0.1, abs=10) for now, left_s in seen)


def test_before_anything_is_known_nothing_is_foretold_and_starting_is_not_taken_for_slowness() -> None:
    course = Course(tree(), COST)
    told = simulate([course], [SIZE], 1, lambda now: 1.0, silent_s=20)
    assert all(left_s is None for now, left_s in told if now <= 20)
    end = told[-1][0]
    assert all(left_s == pytest.approx(end - now, rel=0.1, abs=5) for now, left_s in told if now > 30)


@pytest.mark.parametrize("burst", [(4, 16), (8, 20), (12, 40)])
def test_a_burst_of_load_after_the_start_is_not_taken_for_the_speed(burst: tuple[int, int]) -> None:
    """Seen on a busy machine: 3 minutes left, then 15, then 2. Nothing is said until the speed is one to believe."""
    courses = [Course(tree(), UpdateCost(model_s=0.2, batch_s=0.8))] * 3
    told = simulate(courses, [SIZE] * 3, 1, lambda now: 0.15 if burst[0] <= now < burst[1] else 1.0)
    end = told[-1][0]
    assert end > 3 * WINDOW_S
    assert all(left_s is None for now, left_s in told if now < 10)
    believed = [(now, left_s) for now, left_s in told if left_s]
    assert len(believed) > 0.75 * len(told)
    assert all(0.5 * (end - now) < left_s < 2.6 * (end - now) for now, left_s in believed if end - now > 10)


def test_trainers_that_stand_still_push_the_end_away() -> None:
    forecast = Forecast([Course(tree(), COST)], 1, in_seconds=False)
    answers: list[float | None] = []
    for now in range(600):
        answers.append(forecast.left_s(JobsProgress((JobProgress("running", min(now, 50)),), None), float(now)))
    assert answers[0] is None
    assert answers[-1] is not None
    assert answers[45] is not None
    assert answers[-1] > 5 * answers[45]


def test_the_loss_of_a_job_that_failed_early_is_no_speed() -> None:
    """An ended job leaves no work behind, whatever it had done."""
    courses = [Course(tree(), COST)] * 2
    forecast = Forecast(courses, 1, in_seconds=True)
    jobs = (JobProgress("ended", 3), JobProgress("running", 0))
    assert forecast.left_s(JobsProgress(jobs, None), 0.0) == pytest.approx(courses[1].total_s)


def test_an_evaluation_without_jobs_has_nothing_left() -> None:
    assert Forecast([], 2, in_seconds=True).left_s(JobsProgress((), None), 0.0) == 0.0
