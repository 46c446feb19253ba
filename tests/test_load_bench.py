"""The short forms of `bench/load`: a few records, four writers, three evaluations, and that each check can fail."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.commands.timed import Spent, environment_in
from bench.load import dispatcher_memory, growth, records, writers
from bench.load.endurance import Course, endure
from bench.load.growth import Sample, broken, table
from bench.load.process_facts import facts_now
from benchmark.store.layout import Home
from benchmark.training.state_files import ENCODER_FILE

CALM = Sample(1, 1.0, 1.0, {"logs": 1}, {}, 500 << 20, 6, 2, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = dict(os.environ)
    os.environ.update(environment_in(str(tmp_path)))
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("folder")
def test_a_few_records_are_measured_and_all_of_them_are_good_and_ranked() -> None:
    chosen = {name: records.COMMANDS[name] for name in ("`fmn verify`", "the board's ranking, a new server")}
    found = dict(records.measure(4, chosen))
    assert found.keys() == chosen.keys()
    assert all(each.processor_s > 0 and each.peak_bytes > 2**20 for each in found.values())


def test_a_command_whose_time_grows_as_the_square_is_named() -> None:
    found = {
        size: {"line": Spent(1, 1 + 0.01 * size, 1 << 20), "square": Spent(1, 1 + 1e-5 * size**2, size << 20)}
        for size in (50, 500, 5000)
    }
    growths = records.growths(found)
    assert not growths["line"].is_faster
    assert growths["square"].is_faster
    assert growths["square"].bytes_each == pytest.approx(2**20)
    assert "| square |" in records.table(found)


def test_four_writers_at_once_lose_and_duplicate_nothing(folder: Path) -> None:
    said: list[str] = []
    assert writers.measure(4, 1, said.append) == writers.Counted()
    assert [line.split(":")[0].strip() for line in said] == ["store a state", "write a record", "show it in MLflow"]


def test_what_a_writer_has_lost_or_damaged_is_counted(folder: Path) -> None:
    home = Home.from_environment().root
    tasks = [writers.Task(number, home, "writers-test", dict(os.environ)) for number in range(2)]
    done = writers.at_once(tasks)
    assert [each.error for each in done] == ["", ""]
    (home / "segments" / "ab" / ("ab" * 32) / ENCODER_FILE).write_bytes(b"other")
    _, second = sorted((home / "records").glob("*/*.json"))
    second.write_bytes(second.read_bytes().replace(b"method-0001", b"method-0002"))
    tasks.append(replace(tasks[0], number=7))
    counted = writers.count(home, tasks, done)
    assert (counted.lost_states, counted.damaged_states) == (writers.NUM_STATES - 1, 1)
    assert (counted.lost_records, counted.damaged_records) == (1, 1)
    assert counted.lost_in_mlflow == 12
    assert not counted.is_clean


def test_three_evaluations_in_one_process_leave_nothing_open(folder: Path) -> None:
    course, before = Course(seconds=600, evaluations=3, every=1, warm_up=1), facts_now().children
    samples = list(endure(folder, course))
    assert [each.number for each in samples] == [1, 2, 3]
    assert all(each.children == before for each in samples)
    assert all(each.files["jobs"] == each.files["claims"] == 0 for each in samples)
    assert samples[-1].descriptors <= samples[0].descriptors
    assert set(growth.commands_of(samples)) == {"fmn status", "fmn evaluate, nothing to do"}
    assert "| memory, MiB |" in table(samples, warm_up=1)


def test_an_hour_in_which_something_grows_is_named_and_a_calm_one_is_not() -> None:
    def hour(leak: int = 0, descriptors: float = 0, children: int = 0, start_up: float = 0) -> list[Sample]:
        return [
            replace(
                CALM, number=number, resident_bytes=CALM.resident_bytes + leak * number,
                descriptors=6 + int(descriptors * number), children=children,
                ratios={"fmn status": 1 + start_up * number + 0.02 * (number % 2)} if number % 5 == 0 else {},
            )
            for number in range(1, 301)
        ]  # fmt: skip

    assert broken(hour()) == []
    assert broken(hour(leak=100_000)) == []
    (memory,) = broken(hour(leak=200_000))
    assert memory.startswith("memory: expected at most 10 MiB more per 100 evaluations, got 19.1")
    (descriptors,) = broken(hour(descriptors=0.01))
    assert descriptors.startswith("descriptors: expected 6")
    (children,) = broken(hour(children=1))
    assert children.startswith("children")
    (start_up,) = broken(hour(start_up=0.001))
    assert start_up.startswith("fmn status: expected a start-up that grows by at most 10%")
    with pytest.raises(ValueError, match="at least two samples"):
        broken([CALM])


def test_a_dispatcher_of_two_models_takes_little_memory_until_it_is_interrupted(folder: Path) -> None:
    watch = dispatcher_memory.measure(folder / "two", 2, watched_s=0.3)
    assert list(watch.peaks) == ["the plan", "a job per seed", "trainers run"]
    assert list((folder / "two" / "HOME" / "jobs").iterdir()) == []
