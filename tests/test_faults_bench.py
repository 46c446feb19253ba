"""The short form of `python -m bench.faults`: a few faults, and what it counts."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator

import pytest

from bench.faults.__main__ import FAULTS, KILLS, OTHERS, order, possible
from bench.faults.cluster import CLUSTER
from bench.faults.evaluation import NUM_UPDATES, SUBMISSIONS, Reference, Site, Verdict, refer_to, updates_asked
from bench.faults.page import page, table
from bench.faults.trials import Outcome, Setting
from benchmark.machine import available_cores
from tests.needs import lacking

SHORT = (
    "dispatcher", "scorer", "disk-full", "clock", pytest.param("slurm-job", marks=pytest.mark.slurm),
)  # fmt: skip
"""Not the loss of a node, which would end other tests' jobs."""
NEEDS = {
    "disk-full": "root, who may mount a tmpfs", "clock": "libfaketime (apt install faketime)",
    "slurm-job": "the cluster of tests/executors/slurm/start_slurm.sh and SLURM_CONF",
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    before = dict(os.environ)
    made = Site(tmp_path_factory.mktemp("reliability"))
    made.prepare()
    yield made
    os.environ.clear()
    os.environ.update(before)
    shutil.rmtree(made.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def references(site: Site) -> dict[str, Reference]:
    made = refer_to(site, SUBMISSIONS[0])
    assert made.num_updates == NUM_UPDATES
    return {SUBMISSIONS[0]: made}


@pytest.mark.parametrize("name", SHORT)
def test_after_a_fault_the_same_command_ends_in_the_same_record_with_every_run_once(
    name: str, site: Site, references: dict[str, Reference]
) -> None:
    if name not in possible():
        lacking(f"{name} cannot be injected here", "FMN_REQUIRE_SLURM", f"it needs {NEEDS[name]}")
    outcome = FAULTS[name](Setting(site, references, random.Random(f"short {name}")))
    assert outcome.verdict == Verdict(), outcome.note
    assert outcome.num_unexplained == 0, outcome.note


def test_any_beginning_of_the_trials_is_a_fair_mixture() -> None:
    names = order([*FAULTS], 12 * len(OTHERS))
    for start in range(0, len(names), 12):
        twelve = names[start : start + 12]
        assert [sum(name in group for name in twelve) for group in (KILLS, CLUSTER, OTHERS)] == [8, 1, 3]
    assert {names.count(name) for name in KILLS} == {8 * len(OTHERS) // len(KILLS)}
    assert {names.count(name) for name in OTHERS} == {3}


def test_where_there_is_no_cluster_the_others_take_its_turns() -> None:
    names = order([*KILLS, *OTHERS], 11)
    assert [name in KILLS for name in names] == [place not in (2, 7, 10) for place in range(11)]
    assert order(["clock"], 2) == ["clock", "clock"]


def test_a_table_counts_what_was_lost_and_leaves_out_faults_that_came_too_late() -> None:
    outcomes = [
        Outcome("SIGKILL, trainer", verdict=Verdict(lost=2, wrong=1), repeated=7, resume_s=1.5),
        Outcome("SIGKILL, trainer", repeated=3, resume_s=0.5),
        Outcome("SIGKILL, trainer", is_late=True),
        Outcome("disk full", num_unexplained=1),
        Outcome("2 dispatchers, one killed"),
    ]
    rows = table(outcomes).splitlines()
    assert "| SIGKILL, trainer | 2 | 2 | 0 | 1 | 0 | 0 | 5, 7 | 1.0 s, 1.5 s |" in rows
    assert "| disk full | 1 | 0 | 0 | 0 | 0 | 1 | - | - |" in rows
    assert "| **all kills** | 3 | 2 | 0 | 1 | 0 | 0 | 5, 7 | 1.0 s, 1.5 s |" in rows
    assert "| **all** | 4 | 2 | 0 | 1 | 0 | 1 | 5, 7 | 1.0 s, 1.5 s |" in rows
    assert "1 of 5 here" in page(outcomes)
    assert "3 have been counted" in page(outcomes)


def test_how_fast_work_goes_on_is_said_apart_where_nobody_else_used_the_machine() -> None:
    busy = Outcome("SIGKILL, trainer", resume_s=9.0, load=available_cores() + 4.0)
    assert "work went on after" not in page([busy])
    quiet = [Outcome("SIGKILL, trainer", resume_s=seconds, load=1.0) for seconds in (0.5, 2.5, 0.4)]
    assert "(3 trials), work went on after 0.5 s, 2.5 s at most" in page([busy, *quiet])


def test_what_a_command_set_out_to_train_is_read_from_what_it_printed() -> None:
    assert updates_asked("note: ...\ntraining 2 seeds, 1,244 updates\nruns 0/20") == 1244
    assert updates_asked("everything is trained already\nscoring") == 0
    assert updates_asked("waiting: another evaluation is at work") is None


def test_a_command_that_failed_before_its_fault_came_is_not_left_out() -> None:
    quick = Outcome("SIGKILL, trainer", is_late=True)
    failed = Outcome("SIGKILL, trainer", is_late=True, num_unexplained=1)
    wrong = Outcome("SIGKILL, trainer", is_late=True, verdict=Verdict(lost=20))
    assert [each.is_counted for each in (quick, failed, wrong)] == [False, True, True]
    assert "| SIGKILL, trainer | 2 | 20 |" in table([quick, failed, wrong])
