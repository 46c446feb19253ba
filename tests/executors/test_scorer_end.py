"""A scorer that was killed is one sentence with a reason, and no record has to be undone afterwards."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from benchmark.evaluation.evaluate import evaluate
from benchmark.evaluation.preparation import prepare
from benchmark.executors import process as module
from benchmark.executors.errors import ExecutorError, ScorerError, ScorerKilledError
from benchmark.executors.process import ProcessExecutor
from benchmark.executors.scorer_end import scorer_failure
from benchmark.scoring.scorer_exit import WORKER_KILLED
from benchmark.spec import BenchmarkSpec
from benchmark.store.layout import Home
from tests.executors.submissions import write_submission
from tests.executors.warm import Notes, WarmExecutor


@pytest.mark.parametrize("code", [-signal.SIGKILL, 137, WORKER_KILLED])
def test_a_killed_scorer_is_the_environments_fault_in_one_sentence(tmp_path: Path, code: int) -> None:
    """It was a bare `ScorerFailed` with an empty log."""
    error = scorer_failure(tmp_path / "log", code)
    assert isinstance(error, ScorerKilledError)
    assert str(error).startswith("environment: the scorer")
    assert "\n" not in str(error)
    assert "no record was written; run the same command again" in str(error)


@pytest.mark.parametrize("code", [1, 137, WORKER_KILLED, -signal.SIGKILL])
def test_a_memory_event_names_the_memory_limit_and_what_helps(tmp_path: Path, code: int) -> None:
    error = scorer_failure(tmp_path / "log", code, memory_event=True)
    assert isinstance(error, ScorerKilledError)
    assert str(error).startswith("out_of_memory: the kernel")
    assert "FMN_SCORING_CHUNK_MIB" in str(error)


def test_a_lost_scorer_is_one_sentence_and_a_fault_of_ours_shows_its_log(tmp_path: Path) -> None:
    lost = scorer_failure(tmp_path / "log", None, lost="the engine went away")
    assert isinstance(lost, ExecutorError)
    assert "environment: the executor lost the scorer: the engine went away" in str(lost)
    (tmp_path / "log").write_text("Traceback: x\n")
    fault = scorer_failure(tmp_path / "log", 1)
    assert isinstance(fault, ScorerError)
    assert "Traceback: x\n(exit code 1; all that the scorer printed is in" in str(fault)


def test_nothing_is_written_when_the_scorer_is_killed(
    tmp_path: Path, tiny_spec: BenchmarkSpec, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    executor = WarmExecutor()
    monkeypatch.setattr(executor, "score", ProcessExecutor().score)
    monkeypatch.setattr(module, "scorer_program", lambda **_: ["timeit", "-n1", "-r1", code])
    home = Home(tmp_path / "home")
    prepared = prepare(tiny_spec, plain, home, executor, "cpu")
    with pytest.raises(ScorerKilledError, match="environment: the scorer"):
        evaluate(prepared, home, executor, Notes(), workers=2)
    assert not list(home.root.glob("records/**/*.json"))
    assert not list(home.root.glob(".scoring-*"))
    monkeypatch.undo()
    again = WarmExecutor()
    record, _ = evaluate(prepared, home, again, Notes(), workers=2)
    assert record.is_complete
    assert again.num_started == 0


def test_a_killed_trainer_is_the_environments_fault_and_is_trained_by_the_next_call(
    tmp_path: Path, tiny_spec: BenchmarkSpec
) -> None:
    """It was booked on the submission, and stood so in a signed record."""
    flag = tmp_path / "once"
    flag.touch()
    killing = f"""
        if os.path.exists({str(flag)!r}):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    submission = write_submission(tmp_path / "submission", killing)
    home, executor = Home(tmp_path / "home"), ProcessExecutor()
    prepared = prepare(tiny_spec, submission, home, executor, "cpu")
    record, _ = evaluate(prepared, home, executor, Notes(), workers=2)
    failures = [run.failure for run in record.runs if run.failure]
    assert len(failures) == len(record.runs)
    assert {failure.reason for failure in failures} == {"environment"}
    assert all("SIGKILL" in failure.message for failure in failures)
    flag.unlink()
    assert evaluate(prepared, home, executor, Notes(), workers=2)[0].is_complete
