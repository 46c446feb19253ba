"""The schedule compiler against the formula, in exact fractions."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.plan.events import PruneEvent, compile_events, round_half_up
from benchmark.spec import Gradual, OneShot, Schedule

Counts = tuple[int, ...]
Allocation = Literal["global", "layerwise"]

fractions = st.integers(0, 1000).map(lambda thousandths: Decimal(thousandths) / 1000)
sparsities = st.integers(1, 9999).map(lambda parts: Decimal(parts) / 10_000)
layers = st.lists(st.integers(1, 3000), min_size=1, max_size=5).map(tuple)
steps = st.integers(1, 600)


def one_shot(at: str | Decimal, **more: Any) -> OneShot:
    return OneShot(name="shot", kind="one_shot", at=Decimal(at), **more)


def gradual(begin: str | Decimal, end: str | Decimal, updates: int, **more: Any) -> Gradual:
    return Gradual(name="ramp", kind="gradual", begin=Decimal(begin), end=Decimal(end), updates=updates, **more)


@st.composite
def graduals(draw: st.DrawFn) -> Gradual:
    begin, end = sorted(draw(st.lists(fractions, min_size=2, max_size=2, unique=True)))
    return gradual(begin, end, draw(st.integers(1, 60)), allocation=draw(st.sampled_from(["global", "layerwise"])))


@st.composite
def one_shots(draw: st.DrawFn) -> OneShot:
    return one_shot(draw(fractions), allocation=draw(st.sampled_from(["global", "layerwise"])))


schedules = graduals() | one_shots()


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def naive_counts(allocation: Allocation, sparsity: Fraction, sizes: Counts) -> Counts:
    return tuple(half_up(sparsity * size) for size in ((sum(sizes),) if allocation == "global" else sizes))


def naive_gradual(schedule: Gradual, sparsity: Decimal, total_steps: int, sizes: Counts) -> list[tuple[int, Counts]]:
    """Walk through training and, wherever Zhu & Gupta's equation 1 asks for an update, note what it asks for."""
    t0, t1 = half_up(Fraction(schedule.begin) * total_steps), half_up(Fraction(schedule.end) * total_steps)
    n, s_f, s_i = schedule.updates, Fraction(sparsity), Fraction(0)
    walked: list[tuple[int, Counts]] = []
    masked = tuple(0 for _ in naive_counts(schedule.allocation, s_f, sizes))
    for t in range(total_steps + 1):
        at_t = [i for i in range(n + 1) if t0 + half_up(Fraction(i * (t1 - t0), n)) == t]
        if not at_t:
            continue
        s_t = s_f + (s_i - s_f) * (1 - Fraction(max(at_t), n)) ** 3
        counts = naive_counts(schedule.allocation, s_t, sizes)
        if counts != masked:
            walked.append((t, counts))
            masked = counts
    return walked


def steps_and_counts(events: tuple[PruneEvent, ...]) -> list[tuple[int, Counts]]:
    return [(event.step, event.num_pruned) for event in events]


@given(graduals(), sparsities, st.integers(1, 200), layers)
def test_a_gradual_schedule_follows_zhu_and_gupta_exactly(
    schedule: Gradual, sparsity: Decimal, total_steps: int, sizes: Counts
) -> None:
    compiled = compile_events(schedule, sparsity, total_steps, sizes)
    assert steps_and_counts(compiled) == naive_gradual(schedule, sparsity, total_steps, sizes)


@given(schedules, sparsities, steps, layers)
def test_counts_only_grow_and_every_event_changes_something(
    schedule: Schedule, sparsity: Decimal, total_steps: int, sizes: Counts
) -> None:
    events = compile_events(schedule, sparsity, total_steps, sizes)
    masked = tuple(0 for _ in (sizes if schedule.allocation == "layerwise" else sizes[:1]))
    step_before = -1
    for event in events:
        assert step_before < event.step <= total_steps
        assert len(event.num_pruned) == len(masked)
        assert all(now >= before for now, before in zip(event.num_pruned, masked, strict=True))
        assert event.num_pruned != masked
        step_before, masked = event.step, event.num_pruned


@given(schedules, sparsities, steps, layers)
def test_the_last_event_prunes_exactly_the_rounded_share_at_the_rounded_end(
    schedule: Schedule, sparsity: Decimal, total_steps: int, sizes: Counts
) -> None:
    events = compile_events(schedule, sparsity, total_steps, sizes)
    expected = naive_counts(schedule.allocation, Fraction(sparsity), sizes)
    assert (events[-1].num_pruned if events else tuple(0 for _ in expected)) == expected
    begin, end = (schedule.at, schedule.at) if isinstance(schedule, OneShot) else (schedule.begin, schedule.end)
    first_step, last_step = half_up(Fraction(begin) * total_steps), half_up(Fraction(end) * total_steps)
    assert all(first_step <= event.step <= last_step for event in events)


@given(schedules, steps, layers)
def test_sparsity_zero_has_no_events(schedule: Schedule, total_steps: int, sizes: Counts) -> None:
    assert compile_events(schedule, Decimal(0), total_steps, sizes) == ()


@given(schedules, sparsities, sparsities, steps, layers)
def test_a_sparser_run_is_never_behind_a_denser_one(
    schedule: Schedule, first: Decimal, second: Decimal, total_steps: int, sizes: Counts
) -> None:
    denser, sparser = (compile_events(schedule, s, total_steps, sizes) for s in sorted((first, second)))
    for step in {event.step for event in (*denser, *sparser)}:
        in_denser = max((sum(event.num_pruned) for event in denser if event.step <= step), default=0)
        in_sparser = max((sum(event.num_pruned) for event in sparser if event.step <= step), default=0)
        assert in_denser <= in_sparser


@pytest.mark.parametrize(("at", "step"), [("0", 0), ("1", 10), ("0.25", 3), ("0.24", 2), ("0.75", 8), ("0.95", 10)])
def test_one_shot_prunes_once_where_it_says_with_halves_rounded_up(at: str, step: int) -> None:
    assert compile_events(one_shot(at), Decimal("0.5"), 10, (3, 4)) == (
        PruneEvent(step=step, num_pruned=(4,), allocation="global", criterion="magnitude"),
    )


def test_a_ramp_from_the_first_update_to_past_the_last_reaches_its_end_after_the_last_update() -> None:
    events = compile_events(gradual("0", "1", 4), Decimal("0.64"), 8, (100,))
    # 64 (1 - (1 - i/4)^3) for i = 1 .. 4 is 37, 56, 63, 64; i = 0 prunes nothing
    assert steps_and_counts(events) == [(2, (37,)), (4, (56,)), (6, (63,)), (8, (64,))]


def test_of_several_updates_on_one_step_only_the_last_remains() -> None:
    """Eight updates in two steps: i = 0, 1 fall on step 5, i = 2 .. 5 on step 6 (halves up), i = 6 .. 8 on step 7."""
    events = compile_events(gradual("0.5", "0.7", 8), Decimal("0.512"), 10, (1000,))
    assert steps_and_counts(events) == [
        (5, (half_up(512 - 512 * Fraction(7, 8) ** 3),)),
        (6, (half_up(512 - 512 * Fraction(3, 8) ** 3),)),
        (7, (512,)),
    ]


def test_a_ramp_shorter_than_one_step_prunes_at_once() -> None:
    assert steps_and_counts(compile_events(gradual("0.50", "0.52", 20), Decimal("0.9"), 10, (10,))) == [(5, (9,))]


def test_layerwise_counts_round_in_every_layer_for_itself_and_global_ones_once() -> None:
    sizes = (5, 5, 5)
    layerwise = compile_events(one_shot("0.5", allocation="layerwise"), Decimal("0.5"), 10, sizes)
    together = compile_events(one_shot("0.5", allocation="global"), Decimal("0.5"), 10, sizes)
    assert steps_and_counts(layerwise) == [(5, (3, 3, 3))]
    assert steps_and_counts(together) == [(5, (8,))]


@pytest.mark.parametrize("allocation", ["global", "layerwise"])
@pytest.mark.parametrize("criterion", ["magnitude", "random"])
def test_every_event_says_how_the_schedule_wants_it_done(allocation: str, criterion: str) -> None:
    schedule = gradual("0.1", "0.9", 3, allocation=allocation, criterion=criterion)
    events = compile_events(schedule, Decimal("0.9"), 50, (20, 30))
    assert len(events) == 3
    assert {(event.allocation, event.criterion, event.rewind_to) for event in events} == {(allocation, criterion, None)}


@given(st.fractions(min_value=0, max_value=10**6))
def test_rounding_is_to_the_nearest_integer_and_halves_go_up(value: Fraction) -> None:
    rounded = round_half_up(value)
    assert Fraction(-1, 2) < rounded - value <= Fraction(1, 2)
