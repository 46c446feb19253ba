"""Signals that end a command: its children end, its temporary files are removed, and its exit code names the signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.cli.signals import ending_like_ctrl_c
from tests.executors.submissions import write_submission
from tests.executors.warm import wait_until

ENDING = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which everything that a command writes is under `tmp_path`."""
    (tmp_path / "temporary").mkdir()
    own = {"FMN_HOME": tmp_path / "home", "TMPDIR": tmp_path / "temporary", "FMN_CONFIG": tmp_path / "config"}
    passed_on = {name: value for name, value in os.environ.items() if not name.startswith("FMN_")}
    return passed_on | {name: str(value) for name, value in own.items()}


def start(environment: dict[str, str], *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmark", *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@ENDING
@pytest.mark.parametrize("verb", ["check", "plan", "evaluate"])
def test_a_signal_ends_what_runs_a_submission_with_all_that_it_has_started(
    number: signal.Signals, verb: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """After a SIGTERM, a copy of the submission stayed in the temporary folder."""
    started = tmp_path / "started"
    waiting = f"open({str(started)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    submission = write_submission(tmp_path / "submission", waiting)
    process = start(environment, verb, submission, "--executor", "process")
    wait_until(lambda: started.exists() and started.read_text(), limit_s=180)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    left = [path.name for path in (tmp_path / "temporary").iterdir()]
    assert [name for name in left if not name.startswith("torchinductor_")] == []  # a cache of torch's
    assert not list((tmp_path / "home").glob("jobs/*"))
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


def test_sigterm_ends_the_leaderboard_with_its_server(environment: dict[str, str]) -> None:
    """The server, a child, went on serving when its parent was ended."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    process = start(environment, "leaderboard", "--port", port)
    wait_until(lambda: answers(port), limit_s=120)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not answers(port)


@pytest.fixture
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


@ENDING
@pytest.mark.usefixtures("_handlers")
def test_the_exit_code_names_the_signal_and_no_second_one_interrupts_the_cleaning_up(number: signal.Signals) -> None:
    cleaned = False

    def work_and_clean_up() -> None:
        nonlocal cleaned
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned = True

    with pytest.raises(SystemExit) as ended, ending_like_ctrl_c():
        work_and_clean_up()
    assert ended.value.code == 128 + number
    assert cleaned


@pytest.mark.usefixtures("_handlers")
def test_ctrl_c_and_other_ends_stay_what_they_are() -> None:
    with pytest.raises(KeyboardInterrupt), ending_like_ctrl_c():
        raise KeyboardInterrupt
    with pytest.raises(SystemExit) as ended, ending_like_ctrl_c():
        raise SystemExit(2)
    assert ended.value.code == 2


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_like_ctrl_c():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
