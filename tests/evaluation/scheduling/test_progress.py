"""The status of an evaluation is written now and then, counts what was trained before, and never ends anything."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.evaluation.scheduling import progress as reporting
from benchmark.evaluation.scheduling.progress import ProgressFeed, StatusFile, TrainingProgress
from benchmark.executors.base import PreparedJob
from benchmark.recording.status import Unfinished, status_name, status_path
from benchmark.spec import BenchmarkSpec
from benchmark.store.claims import Claims, evaluation_claim, read_unfinished, tree_claim
from benchmark.store.layout import Home
from benchmark.store.lock import at_work
from tests.executors.warm import (
    Notes,
    WarmExecutor,
    WarmTrainer,
    dispatch,
    evaluate_warm,
    request,
    wait_until,
    warm_context,
)
from tests.store.test_unfinished import keep

SOME = TrainingProgress(updates=10, total_updates=60, runs=3, total_runs=14, loss=1.0, left_s=5.0, scoring_s=2.0)


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def status_of(home: Path) -> Unfinished:
    (found,) = read_unfinished(home)
    return found


def test_it_counts_what_earlier_calls_trained_and_is_written_once_per_second(tmp_path: Path) -> None:
    clock = Clock()
    file = StatusFile(tmp_path, "simclr", "digits-1.0", 100, clock)
    file.training(SOME)
    told = status_of(tmp_path).status
    assert (told.stage, told.updates, told.total_updates, told.runs, told.total_runs) == ("training", 50, 100, 3, 14)
    assert (told.left_s, told.scoring_s) == (5.0, 2.0)
    written = status_path(tmp_path, status_name("simclr", "digits-1.0")).stat().st_ino
    clock.now += 0.9
    file.training(SOME)
    assert status_path(tmp_path, status_name("simclr", "digits-1.0")).stat().st_ino == written
    clock.now += 0.2
    file.training(TrainingProgress(20, 60, 4, 14))
    assert status_of(tmp_path).status.updates == 60


def test_scoring_is_told_at_once_and_its_time_left_never_falls_below_zero(tmp_path: Path) -> None:
    clock = Clock()
    file = StatusFile(tmp_path, "simclr", "digits-1.0", 100, clock)
    file.training(SOME)
    file.scoring(14, 14, 30.0)
    told = status_of(tmp_path).status
    assert (told.stage, told.updates, told.runs, told.left_s) == ("scoring", 100, 14, 30.0)
    for passed, left_s in ((10.0, 20.0), (100.0, 0.0)):
        clock.now += passed
        file.scoring(14, 14, 30.0)
        assert status_of(tmp_path).status.left_s == left_s


def test_a_record_ends_it_and_what_nobody_continued_for_a_month_goes_too(tmp_path: Path) -> None:
    files = [StatusFile(tmp_path, name, "digits-1.0", 100) for name in ("done", "recent", "old")]
    for file in files:
        file.training(SOME)
    month_ago = time.time() - 31 * 86_400
    os.utime(status_path(tmp_path, status_name("old", "digits-1.0")), (month_ago, month_ago))
    files[0].remove()
    assert status_of(tmp_path).status.submission == "recent"
    files[0].remove()


@pytest.mark.parametrize("name", ["x" * 5000, "<img src=x onerror=alert(1)>", "../../etc/passwd"])
def test_no_name_leaves_the_folder_or_ends_an_evaluation(tmp_path: Path, name: str) -> None:
    StatusFile(tmp_path, name, name, 100).training(SOME)
    assert status_of(tmp_path).status.submission == name[:200]
    assert [path.name for path in tmp_path.iterdir()] == ["status"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_status_that_cannot_be_written_ends_no_evaluation(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    tried: list[Path] = []

    def full(path: Path, status: Any) -> None:
        tried.append(path)
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(reporting, "write_status", full)
    if number == errno.ENOSPC:
        record, _ = evaluate_warm(tiny_spec, plain, tmp_path / "home")
        assert record.is_complete
    else:
        StatusFile(tmp_path, "simclr", "digits-1.0", 100).training(SOME)
    assert tried


class Watching(WarmExecutor):
    """Looks at the home, as a leaderboard does, whenever a trainer or the scorer is started."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root, self.seen = root, list[Unfinished]()
        self.before = list[Callable[[], None]]()

    def start(self, prepared: PreparedJob) -> WarmTrainer:
        """Look, then start."""
        self.seen += read_unfinished(self.root)
        if self.before:
            self.before.pop(0)()
        return super().start(prepared)

    def score(self, job_file: Path, out: Path, log: Path, on_wait: Any) -> None:
        """Look, then score."""
        self.seen += read_unfinished(self.root)
        super().score(job_file, out, log, on_wait)


def test_while_an_evaluation_trains_and_scores_it_is_seen_running_and_afterwards_nothing_is(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    root = tmp_path / "home"
    executor = Watching(root)
    evaluate_warm(tiny_spec, plain, root, executor=executor)
    assert [each.status.stage for each in executor.seen] == ["training", "training", "scoring"]
    assert all(each.is_running for each in executor.seen)
    first, last = executor.seen[0].status, executor.seen[-1].status
    assert (first.submission, first.spec_identity) == ("plain", "tiny-1.0")
    assert (first.runs, first.total_runs, first.updates, first.total_updates) == (0, 14, 0, 176)
    assert (last.runs, last.updates) == (14, 176)
    assert read_unfinished(root) == []


def test_seeds_that_another_dispatcher_trains_are_not_counted_as_done(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first seeds were trained, those that had to wait for another dispatcher were taken for trained."""
    monkeypatch.setattr(reporting, "WRITE_EVERY_S", 0.0)
    home, executor = Home(tmp_path / "home"), Watching(tmp_path / "home")
    other_seed = tree_claim(request(tiny_spec, plain, home.root).plan.subtrees[1].root)
    with Claims(home, "vicreg on digits-1.0") as other:
        other.try_take(other_seed)
        executor.before = [lambda: other.release(other_seed)]
        evaluate_warm(tiny_spec, plain, home.root, executor=executor)
    told = [each.status for each in executor.seen]
    assert [(each.stage, each.updates, each.runs) for each in told] == [
        ("training", 0, 0), ("training", 88, 7), ("scoring", 176, 14),
    ]  # fmt: skip


def test_the_time_left_is_not_known_where_seeds_wait_for_another_dispatcher(tmp_path: Path) -> None:
    file = StatusFile(tmp_path, "simclr", "digits-1.0", 100)
    file.training(replace(SOME, later_updates=30))
    told = status_of(tmp_path).status
    assert (told.updates, told.left_s) == (20, None)


def test_an_evaluation_that_was_killed_is_seen_interrupted_until_it_is_called_again(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    root = tmp_path / "home"
    dispatcher = warm_context().Process(target=dispatch, args=(tiny_spec, plain, root, 0.1))  # pyright: ignore[reportAttributeAccessIssue]
    dispatcher.start()
    wait_until(lambda: read_unfinished(root) or not dispatcher.is_alive())
    assert status_of(root).is_running
    dispatcher.kill()
    dispatcher.join()
    wait_until(lambda: not status_of(root).is_running)  # forked trainers hold its claim a moment longer
    evaluate_warm(tiny_spec, plain, root)
    assert read_unfinished(root) == []


def test_a_leaderboard_that_looks_all_the_time_makes_no_dispatcher_wait_for_another(tmp_path: Path) -> None:
    home, notes, stop, seen = Home(tmp_path / "home"), Notes(), threading.Event(), list[bool | None]()
    name = keep(home.root)

    def look() -> None:
        while not stop.is_set():
            seen.extend(each.is_running for each in read_unfinished(home.root))
            time.sleep(0.001)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            with at_work(home, "second", notes.stage) as claims:
                claims.wait_for(evaluation_claim(name), notes.stage)
                assert [each.is_running for each in read_unfinished(home.root)] == [True]
    finally:
        stop.set()
        thread.join()
    assert notes.stages == []
    assert True in seen


def test_counting_stored_runs_of_a_huge_plan_does_not_take_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times per second 100,500 folders were looked for, so that trainers were looked after every two seconds."""
    looked: list[str] = []

    def slow(path: str) -> bool:
        looked.append(path)
        time.sleep(0.01)
        return False

    monkeypatch.setattr("benchmark.evaluation.scheduling.progress.os.path.exists", slow)
    status = StatusFile(tmp_path, "simclr", "digits-1.0", 10)
    feed = ProgressFeed(Notes(), status, [tmp_path / str(number) for number in range(5)], None)
    for _ in range(3):
        feed.training(0, 10, None, None)
    assert len(looked) == 5
    feed.scoring()
    assert len(looked) == 10
