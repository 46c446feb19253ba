"""The scorer is not started where everything that it would read is the same, and is wherever anything is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.evaluation import stored_answer
from benchmark.recording.archive import outcomes_path
from benchmark.recording.record import EvaluationRecord
from benchmark.spec import BenchmarkSpec
from benchmark.store.layout import Home
from tests.conftest import Evaluated
from tests.executors.warm import WarmExecutor, copy_home, evaluate_warm


class Counting(WarmExecutor):
    """Counts how often the scorer is started."""

    num_scorings = 0

    def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
        self.num_scorings += 1
        super().score(job_file, out, log, on_wait)


Again = Callable[..., tuple[int, EvaluationRecord, Path]]


@pytest.fixture
def again(evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path) -> Again:
    """Evaluate what is evaluated already; returns how often the scorer was started, the record and its place."""
    root = tmp_path / "home"
    copy_home(evaluated.root, root)

    def evaluate(**options: bool) -> tuple[int, EvaluationRecord, Path]:
        executor = Counting()
        record, path = evaluate_warm(tiny_spec, plain, root, executor=executor, **options)
        return executor.num_scorings, record, path

    return evaluate


def test_a_second_evaluation_starts_no_scorer_and_gives_the_same_record(again: Again) -> None:
    first, record, path = again()
    before = path.read_bytes()
    second, repeated, _ = again()
    assert (first <= 1, second) == (True, 0)
    assert repeated == record
    assert path.read_bytes() == before


def _touch_a_state(root: Path, path: Path) -> None:
    state = next(iter(sorted(Home(root).segments.rglob("encoder.safetensors"))))
    os.utime(state, ns=(1, 1))


def _damage_the_outcomes(root: Path, path: Path) -> None:
    outcomes_path(path).write_bytes(b"damaged")


def _damage_the_answer(root: Path, path: Path) -> None:
    [answer] = Home(root).answers.iterdir()
    answer.write_bytes(answer.read_bytes()[:-1] + b"!")


def _remove_the_answer(root: Path, path: Path) -> None:
    [answer] = Home(root).answers.iterdir()
    answer.unlink()


@pytest.mark.parametrize(
    "change", [_touch_a_state, _damage_the_outcomes, _damage_the_answer, _remove_the_answer],
    ids=lambda each: each.__name__,
)
def test_whatever_differs_starts_the_scorer_and_the_numbers_are_those_of_before(
    change: Callable[[Path, Path], None], again: Again, tmp_path: Path
) -> None:
    _, record, path = again()
    change(tmp_path / "home", path)
    count, repeated, _ = again()
    assert count == 1
    assert repeated.cells == record.cells


def test_other_code_starts_the_scorer(again: Again, monkeypatch: pytest.MonkeyPatch) -> None:
    again()
    monkeypatch.setattr(stored_answer, "source_digest", lambda *_: "of other code")
    assert again()[0] == 1


def test_rescoring_starts_the_scorer_always(again: Again) -> None:
    again()
    assert again(train=False)[0] == 1
