"""Several dispatchers in one home: they train at the same time, never the same, and a killed one disturbs no other."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.evaluation.evaluate import evaluate
from benchmark.evaluation.scheduling import concurrency
from benchmark.executors.base import PreparedJob
from benchmark.recording.archive import find_records
from benchmark.recording.record import EvaluationRecord
from benchmark.spec import BenchmarkSpec, PopulationSpec
from benchmark.store.claim import Claim, try_claim
from benchmark.store.claims import ClaimLostError
from benchmark.store.layout import Home
from tests.conftest import Evaluated
from tests.evaluation.test_evaluate import bits
from tests.executors.submissions import write_submission
from tests.executors.warm import (
    Notes,
    WarmExecutor,
    WarmTrainer,
    dispatch,
    evaluate_warm,
    processes_in,
    request,
    wait_until,
    warm_context,
)

TWO_CORES = {0, 1}


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency.os, "sched_getaffinity", lambda _: TWO_CORES)


class Counting(WarmExecutor):
    """Counts the trainers and scorers that are alive at the same time, of all executors that share a list."""

    def __init__(self, alive: list[WarmTrainer], most: list[int], before: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.alive, self.most, self.before = alive, most, before

    def start(self, prepared: PreparedJob) -> WarmTrainer:
        """Start, and count."""
        self.before()
        trainer = super().start(prepared)
        self.alive.append(trainer)
        self.most.append(sum(each.process.is_alive() for each in self.alive))
        return trainer


def side_by_side(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call functions in threads at the same time; gives what they return, in their order."""
    results: dict[int, Any] = {}

    def call(number: int) -> None:
        results[number] = calls[number]()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[number] for number in range(len(calls))]


def run(
    spec: BenchmarkSpec, submission: Path, root: Path, executor: WarmExecutor, notes: Notes, workers: int = 2
) -> EvaluationRecord:
    """Evaluate."""
    prepared = request(spec, submission, root, executor)
    return evaluate(prepared, Home(root), executor, notes, workers=workers)[0]


def submissions(folder: Path, count: int) -> list[Path]:
    """Write submissions of different code, which compute the same."""
    names = [f"plain{number}" for number in range(count)]
    return [write_submission(folder / name, f"pass  # {name}", name=name) for name in names]


def test_two_dispatchers_of_different_submissions_train_at_the_same_time(
    tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    """The second one waited for the end of the first, whatever was idle."""
    meeting = threading.Barrier(2, timeout=100)

    def meet() -> None:
        meeting.wait()  # breaks where one waits for the other

    records: list[EvaluationRecord] = side_by_side(
        [
            lambda each=each: run(tiny_spec, each, tmp_path / "home", Counting([], [], meet), Notes(), workers=1)
            for each in submissions(tmp_path, 2)
        ]
    )
    assert all(record.is_complete for record in records)
    assert [record.submission.name for record in records] == ["plain0", "plain1"]
    first, second = (bits(record, tmp_path / "home") for record in records)
    assert first == second  # they compute the same, under different names


def test_five_at_once_have_never_more_trainers_than_cores_and_say_for_whom_they_wait(
    tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    alive, most, notes, home = list[WarmTrainer](), list[int](), [Notes() for _ in range(5)], Home(tmp_path / "home")

    calls = [
        lambda each=each, said=said: run(tiny_spec, each, home.root, Counting(alive, most), said)
        for each, said in zip(submissions(tmp_path, 5), notes, strict=True)
    ]
    records = side_by_side(calls)
    assert all(record.is_complete for record in records)
    assert max(most) == 2
    assert len(alive) == 10
    said = [sentence for each in notes for sentence in each.stages if sentence.startswith("waiting for a core: pid ")]
    assert any("(plain0 on tiny-1.0)" in sentence or "(plain1 on tiny-1.0)" in sentence for sentence in said), said
    assert len(find_records(home.records)[0]) == 5
    assert [path.name for path in home.claims.iterdir()] == []
    assert list(home.jobs.iterdir()) == []


def test_the_same_evaluation_twice_trains_once_and_the_second_is_told_for_whom_it_waits(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    home, notes, executors = Home(tmp_path / "home"), [Notes(), Notes()], [WarmExecutor(), WarmExecutor()]

    calls = [
        lambda executor=executor, said=said: run(tiny_spec, plain, home.root, executor, said)
        for executor, said in zip(executors, notes, strict=True)
    ]
    records = side_by_side(calls)
    assert records[0] == records[1]
    assert sum(each.num_started for each in executors) == 2
    said = [sentence for each in notes for sentence in each.stages if sentence.startswith("waiting: pid ")]
    assert said
    assert "(plain on tiny-1.0) is at work on the same" in said[0]


def test_seeds_that_two_specifications_share_are_trained_once(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    other = tiny_spec.model_copy(update={"name": "other", "population": PopulationSpec(models=4)})
    executors = [WarmExecutor(), WarmExecutor()]
    records = side_by_side(
        [
            lambda spec=spec, executor=executor: run(spec, plain, tmp_path / "home", executor, Notes())
            for spec, executor in zip((tiny_spec, other), executors, strict=True)
        ]
    )
    assert all(record.is_complete for record in records)
    assert sum(each.num_started for each in executors) == 4


def test_one_is_killed_the_other_goes_on_and_the_killed_one_called_again_ends_in_the_same_bits(
    tiny_spec: BenchmarkSpec, plain: Path, evaluated: Evaluated, tmp_path: Path
) -> None:
    root, started = tmp_path / "home", threading.Event()
    killed = warm_context().Process(target=dispatch, args=(tiny_spec, plain, root, 0.1))  # pyright: ignore[reportAttributeAccessIssue]
    killed.start()
    wait_until(lambda: len([*(root / "segments").glob("*/*")]) >= 3 or not killed.is_alive())
    go, other = tmp_path / "go", list[EvaluationRecord]()
    waits = f"while not os.path.exists({str(go)!r}):\n    time.sleep(0.02)"
    slow = write_submission(tmp_path / "slow", waits, name="slow")
    executor = Counting([], [], started.set)
    thread = threading.Thread(
        target=lambda: other.append(run(tiny_spec, slow, root, executor, Notes(), workers=1))
    )
    thread.start()
    killed.kill()
    killed.join()
    wait_until(started.is_set)
    resumed = Notes()
    record = run(tiny_spec, plain, root, WarmExecutor(), resumed)
    assert thread.is_alive()
    go.touch()
    thread.join()
    assert bits(record, root) == bits(evaluated.record, evaluated.root)
    found, expected = (
        [(run.state_key, run.status, run.metrics["linear/accuracy"]) for run in each.runs]
        for each in (record, evaluated.record)
    )
    assert found == expected
    assert other[0].is_complete
    trains = [int(found[1]) for each in resumed.stages if (found := re.search(r", (\d+) updates", each))]
    assert sum(trains) < 176  # it goes on from what the killed one had stored
    assert list((root / "jobs").iterdir()) == []
    wait_until(lambda: not processes_in(root))


def test_a_dispatcher_that_lost_its_claim_while_it_trained_ends_and_publishes_nothing(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    """A dispatcher that slept for longer than its lease, as on a suspended machine, went on writing."""
    home = Home(tmp_path / "home")
    thief = list[Claim]()

    def steal() -> None:
        for path in () if thief else home.claims.glob("tree-*"):
            path.unlink()
            claim = try_claim(path, "plain on tiny-1.0")
            assert isinstance(claim, Claim)
            thief.append(claim)

    executor = Counting([], [], steal)
    with pytest.raises(ClaimLostError, match="run the same command again"):
        evaluate_warm(tiny_spec, plain, home.root, executor=executor)
    assert list(home.segments.glob("*/*")) == []
    assert not any(each.process.is_alive() for each in executor.alive)
    assert not home.records.exists()
    for claim in thief:
        claim.release()
    assert evaluate_warm(tiny_spec, plain, home.root)[0].is_complete
