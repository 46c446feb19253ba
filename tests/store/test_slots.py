"""Slots: as many trainers as places over all dispatchers, first come, first served, and nobody waits for the dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.evaluation.scheduling.concurrency import places
from benchmark.store import slots as slot_files
from benchmark.store.layout import Home
from benchmark.store.slots import Place, Slots
from tests.executors.warm import Notes


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_slots_are_as_many_as_places_over_all_dispatchers_and_the_one_that_waits_is_next(home: Home) -> None:
    """A dispatcher with many seeds took every core that it had just left, and others waited until its end."""
    notes, cores = Notes(), [Place("core-0"), Place("core-1")]
    many, single = (Slots(home, cores, what, notes.stage) for what in ("many on a-1.0", "single on a-1.0"))
    held = [many.try_take(), many.try_take()]
    assert all(held)
    assert single.try_take() is None
    single.say_for_whom()
    single.say_for_whom()
    assert notes.stages == [f"waiting for a core: pid {os.getpid()} (many on a-1.0)"]
    for slot in held[:1]:
        assert slot is not None
        slot.release()
    assert many.try_take() is None
    got = single.try_take()
    assert got is not None
    assert many.try_take() is None
    got.release()
    again = many.try_take()
    assert again is not None
    again.release()


def test_who_waits_for_a_core_is_passed_by_nobody_who_came_later(home: Home) -> None:
    """Others took the turn again within milliseconds: some twenty of their trainers started before a single seed's."""
    core = [Place("core-0")]
    first, second, single = (Slots(home, core, f"{what} on a-1.0", lambda _: None) for what in ("x", "y", "single"))
    slot, order = first.try_take(), list[str]()
    assert [first.try_take(), second.try_take(), single.try_take()] == [None, None, None]
    for _ in range(3):
        assert slot is not None
        slot.release()
        for name, each in (("first", first), ("second", second), ("single", single)):
            if (got := each.try_take()) is not None:
                slot = got
                order.append(name)
                assert each.try_take() is None  # for its next seed, at once
    assert order == ["first", "second", "single"]
    assert slot is not None
    slot.release()


def test_who_was_killed_while_it_stood_in_line_keeps_nobody_waiting(home: Home) -> None:
    wait = (
        "import sys, time; from pathlib import Path; from benchmark.store.layout import Home\n"
        "from benchmark.store.slots import Place, Slots; home = Home(Path(sys.argv[1]))\n"
        "slots = Slots(home, [Place('core-0')], 'killed', lambda _: None)\n"
        "assert slots.try_take() is None; print('waits', flush=True); time.sleep(600)"
    )
    holder, other = (Slots(home, [Place("core-0")], what, lambda _: None) for what in ("holder", "other"))
    slot = holder.try_take()
    assert slot is not None
    killed = subprocess.Popen([sys.executable, "-c", wait, str(home.root)], stdout=subprocess.PIPE)
    assert killed.stdout is not None
    try:
        assert killed.stdout.readline() == b"waits\n"
        assert other.try_take() is None
        slot.release()
        assert other.try_take() is None  # the other is next, as long as it lives
    finally:
        killed.kill()
        killed.wait()
        killed.stdout.close()
    got = other.try_take()
    assert got is not None
    got.release()
    assert list(home.claims.iterdir()) == []


def test_a_scorer_that_starts_beside_one_who_waits_leaves_it_the_second_core(home: Home) -> None:
    cores = [Place("core-0"), Place("core-1")]
    holder, waits, scorer = (Slots(home, cores, what, lambda _: None) for what in ("holder", "waits", "scorer"))
    held = [holder.try_take(), holder.try_take()]
    assert [scorer.try_take(), waits.try_take()] == [None, None]
    for slot in held:
        assert slot is not None
        slot.release()
    with scorer.several(8, lambda: None) as count:
        assert count == 1
        got = waits.try_take()
        assert got is not None
        got.release()


def test_the_scorer_takes_what_is_free_and_at_least_one(home: Home) -> None:
    cores = [Place(f"core-{number}") for number in range(3)]
    slots, other = (Slots(home, cores, what, lambda _: None) for what in ("x", "y"))
    taken_one = other.try_take()
    assert taken_one is not None
    with slots.several(8, lambda: None) as count:
        assert count == 2
        assert other.try_take() is None
    other.give_way()
    with slots.several(1, lambda: None) as count:
        assert count == 1
    taken_one.release()
    assert list(home.claims.iterdir()) == []


def test_a_slot_of_a_gpu_names_it_and_there_is_one_per_core_of_this_machine() -> None:
    class Spreading:
        gpus = ("0", "3")

    on_gpu = places("cuda", 1.0, Spreading())  # pyright: ignore[reportArgumentType]
    assert [place.gpu for place in on_gpu[:2]] == ["0", "3"][: len(on_gpu)]
    assert len(places("cuda", 1e12, Spreading())) <= 2  # pyright: ignore[reportArgumentType]
    assert len(places("cpu", 1.0)) == len(os.sched_getaffinity(0))


def test_who_is_next_and_was_stopped_keeps_nobody_waiting(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dispatcher that was stopped (Ctrl-Z) while it was next kept all others from free cores, without a word."""
    now, notes = [1000.0], Notes()
    monkeypatch.setattr(slot_files.time, "monotonic", lambda: now[0])
    stopped, other = (Slots(home, [Place("core-0")], what, notes.stage) for what in ("stopped", "other"))
    taken_one = other.try_take()
    assert taken_one is not None
    assert stopped.try_take() is None  # it is next now, and never looks again
    taken_one.release()
    assert other.try_take() is None
    other.say_for_whom()
    assert notes.stages == [f"waiting for a core: pid {os.getpid()} (stopped)"]
    now[0] += slot_files.ASLEEP_S - 1
    assert other.try_take() is None
    now[0] += 1
    got = other.try_take()
    assert got is not None
    assert stopped.try_take() is None  # it looks again, and says so
    got.release()
    assert other.try_take() is None


def test_a_scorer_that_has_all_gpus_may_start_as_many_processes_as_are_of_use(home: Home) -> None:
    gpus = Slots(home, [Place("gpu-0-0", "0"), Place("gpu-0-1", "0")], "x", lambda _: None)
    with gpus.several(8, lambda: None) as count:
        assert count == 8
    one = gpus.try_take()
    assert one is not None
    with gpus.several(8, lambda: None) as count:
        assert count == 1
    one.release()
