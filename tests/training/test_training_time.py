"""What a trainer counts: seconds shared among the models of a step, forgotten on the way back, and what is due."""

from __future__ import annotations

import pytest

from benchmark.training import training_time
from benchmark.training.training_time import Periodic, SecondsPerModel


class Clock:
    """A clock that a test moves; reads as `time.monotonic`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        monkeypatch.setattr(training_time.time, "monotonic", lambda: self.now_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def make_updates(seconds: SecondsPerModel, clock: Clock, updates: list[tuple[int, int, float]]) -> None:
    for step, num_models, took_s in updates:
        clock.now_s += took_s
        seconds.add_update(step, num_models)


def test_the_seconds_of_a_step_are_shared_equally_among_its_models(clock: Clock) -> None:
    seconds = SecondsPerModel()
    make_updates(seconds, clock, [(0, 1, 5.0), (1, 1, 1.0), (2, 2, 3.0), (3, 4, 4.0)])
    assert seconds.between(0, 2) == 6.0  # the trunk, which pays for the start too
    assert seconds.between(2, 4) == 2.5
    assert seconds.between(1, 4) == 3.5


def test_a_model_without_updates_has_taken_no_time(clock: Clock) -> None:
    seconds = SecondsPerModel()
    assert seconds.between(0, 0) == 0.0
    make_updates(seconds, clock, [(0, 1, 5.0)])
    assert seconds.between(1, 1) == 0.0


def test_the_first_step_of_a_resumed_job_need_not_be_zero(clock: Clock) -> None:
    seconds = SecondsPerModel()
    make_updates(seconds, clock, [(7, 2, 1.0), (8, 2, 1.0)])
    assert seconds.between(7, 9) == 1.0


@pytest.mark.parametrize("back_to", [2, 3])
def test_after_going_back_in_time_only_the_models_that_had_waited_pay(back_to: int, clock: Clock) -> None:
    """Else a model that waited would pay for the steps of those it waited for; at the very last step, too."""
    seconds = SecondsPerModel()
    make_updates(seconds, clock, [(0, 1, 1.0), (1, 1, 1.0), (2, 1, 1.0), (3, 1, 50.0)])
    make_updates(seconds, clock, [(step, 1, 2.0) for step in range(back_to, 6)])
    assert seconds.between(back_to, 6) == 2.0 * (6 - back_to)


def test_what_is_periodic_is_due_once_per_period(clock: Clock) -> None:
    periodic = Periodic(10.0)
    dues: list[bool] = []
    for passed_s in (0.0, 9.0, 1.0, 0.0, 9.0, 3.0, 0.0):
        clock.now_s += passed_s
        dues.append(periodic.is_due())
    assert dues == [False, False, True, False, False, True, False]


def test_what_is_due_every_zero_seconds_is_always_due(clock: Clock) -> None:
    periodic = Periodic(0.0)
    assert [periodic.is_due() for _ in range(3)] == [True] * 3
    assert clock.now_s == 100.0
