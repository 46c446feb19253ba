"""A scorer that fails for want of something is one sentence with a reason, and no record has to be undone afterwards."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.evaluation.evaluate import evaluate
from benchmark.evaluation.preparation import prepare
from benchmark.executors import process as module
from benchmark.executors.errors import ExecutorError, ScorerError, ScorerKilledError
from benchmark.executors.process import ProcessExecutor
from benchmark.executors.scorer_end import scorer_failure
from benchmark.scoring.scorer_exit import DISK_FULL, WORKER_KILLED
from benchmark.spec import BenchmarkSpec
from benchmark.store.layout import Home
from tests.executors.submissions import write_submission
from tests.executors.warm import Notes, WarmExecutor


@pytest.mark.parametrize("code", [-signal.SIGKILL, 137, WORKER_KILLED])
def test_a_killed_scorer_is_the_environments_fault_in_one_sentence(tmp_path: Path, code: int) -> None:
    """It was a bare `ScorerFailed` with an empty log."""
    error = scorer_failure(tmp_path / "log", tmp_path, code)
    assert isinstance(error, ScorerKilledError)
    assert str(error).startswith("environment: the scorer")
    assert "\n" not in str(error)
    assert "no record was written; run the same command again" in str(error)


@pytest.mark.parametrize("code", [1, 137, WORKER_KILLED, -signal.SIGKILL])
def test_a_memory_event_names_the_memory_limit_and_what_helps(tmp_path: Path, code: int) -> None:
    error = scorer_failure(tmp_path / "log", tmp_path, code, memory_event=True)
    assert isinstance(error, ScorerKilledError)
    assert str(error).startswith("out_of_memory: the kernel")
    assert "FMN_SCORING_CHUNK_MIB" in str(error)


def test_a_full_disk_is_the_error_that_training_ends_with(tmp_path: Path) -> None:
    error = scorer_failure(tmp_path / "log", tmp_path, DISK_FULL)
    assert isinstance(error, OSError)
    assert (error.errno, error.filename) == (errno.ENOSPC, str(tmp_path))


def test_a_lost_scorer_is_one_sentence_and_a_fault_of_ours_shows_its_log(tmp_path: Path) -> None:
    lost = scorer_failure(tmp_path / "log", tmp_path, None, lost="the engine went away")
    assert isinstance(lost, ExecutorError)
    assert "environment: the executor lost the scorer: the engine went away" in str(lost)
    (tmp_path / "log").write_text("Traceback: x\n")
    fault = scorer_failure(tmp_path / "log", tmp_path, 1)
    assert isinstance(fault, ScorerError)
    assert "Traceback: x\n(exit code 1; all that the scorer printed is in" in str(fault)


SCORERS = {
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ScorerKilledError, "environment: the scorer"),
    "full": (f"import os; os._exit({DISK_FULL})", OSError, "No space left on device"),
}


@pytest.mark.parametrize("end", SCORERS)
def test_nothing_is_written_when_the_scorer_cannot_finish(
    end: str, tmp_path: Path, tiny_spec: BenchmarkSpec, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, kind, says = SCORERS[end]
    executor = WarmExecutor()
    monkeypatch.setattr(executor, "score", ProcessExecutor().score)
    monkeypatch.setattr(module, "scorer_program", lambda **_: ["timeit", "-n1", "-r1", code])
    home = Home(tmp_path / "home")
    prepared = prepare(tiny_spec, plain, home, executor, "cpu")
    with pytest.raises(kind, match=says):
        evaluate(prepared, home, executor, Notes(), workers=2)
    assert not list(home.root.glob("records/**/*.json"))
    assert not list(home.root.glob(".scoring-*"))
    monkeypatch.undo()
    again = WarmExecutor()
    record, _ = evaluate(prepared, home, again, Notes(), workers=2)
    assert record.is_complete
    assert again.num_started == 0


def test_where_no_trainer_can_start_one_sentence_shows_why_and_no_record_is_written(
    tmp_path: Path, tiny_spec: BenchmarkSpec, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The evaluation went on to score nothing, and ended in a traceback."""
    monkeypatch.setattr(module, "trainer_program", lambda **_: ["benchmark.not_there"])
    home, executor, notes = Home(tmp_path / "home"), ProcessExecutor(), Notes()
    prepared = prepare(tiny_spec, plain, home, executor, "cpu")
    with pytest.raises(ExecutorError, match=r"no trainer could be started: .*No module named.*not_there") as caught:
        evaluate(prepared, home, executor, notes, workers=2)
    assert "\n" not in str(caught.value)
    assert not list(home.root.glob("records/**/*.json"))
    assert "scoring" not in " ".join(notes.stages)


@pytest.mark.parametrize("when", ["import", "loss"])
def test_a_submission_that_exits_has_started(
    when: str, tmp_path: Path, tiny_spec: BenchmarkSpec, write: Callable[[str], Path]
) -> None:
    home, executor = Home(tmp_path / "home"), ProcessExecutor()
    prepared = prepare(tiny_spec, write(when), home, executor, "cpu")
    record, _ = evaluate(prepared, home, executor, Notes(), workers=2)
    assert {run.failure.reason for run in record.runs if run.failure} == {"submission"}


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


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write a submission that exits with 3 while it is imported, or in its loss."""

    def write(when: str) -> Path:
        folder = write_submission(tmp_path / "submission", "os._exit(3)" if when == "loss" else "")
        if when == "import":
            (folder / "method.py").write_text(f"import os\nos._exit(3)\n{(folder / 'method.py').read_text()}")
        return folder

    return write


def test_the_scorer_says_by_its_exit_code_that_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from benchmark.scoring import scorer

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "outcomes")

    job = type("Job", (), {"cache": tmp_path, "compute": None})
    monkeypatch.setattr(scorer.ScoringJob, "model_validate_json", lambda _: job)
    monkeypatch.setattr(scorer, "score", full)
    (tmp_path / "job.json").write_text("{}")
    monkeypatch.setattr("sys.argv", ["scorer", "--job", str(tmp_path / "job.json"), "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        scorer.main()
    assert ended.value.code == DISK_FULL
    assert "No space left on device" in capfd.readouterr().err
