"""The watchdog is watched itself: one that has died is started again once, and then the dispatcher stops."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.executors.docker.executor import DockerExecutor
from benchmark.executors.docker.watchdog import Watchdog
from benchmark.executors.errors import ExecutorError
from benchmark.spec import BenchmarkSpec
from benchmark.store.layout import Home
from tests.executors.engine import left_behind, require_engine
from tests.executors.submissions import write_submission
from tests.executors.test_conformance import job_of, wait_for


def eventually(condition: Callable[[], object], within_s: float = 60) -> None:
    patience = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.1)


def has_ended(process_id: int) -> bool:
    return os.waitid(os.P_PID, process_id, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def test_a_watchdog_that_dies_is_started_again_once_with_a_warning_and_then_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody asked whether it lived, and its errors were discarded."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    log = tmp_path / "logs" / "watchdog.log"
    watchdog = Watchdog("nobody", log)
    first = watchdog.pid
    eventually(lambda: has_ended(first))
    with caplog.at_level(logging.WARNING):
        watchdog.check()
    assert [str(log) in record.getMessage() for record in caplog.records] == [True]
    assert watchdog.pid != first
    eventually(lambda: has_ended(watchdog.pid))
    with pytest.raises(ExecutorError, match="for the second time") as caught:
        watchdog.check()
    assert str(log) in str(caught.value)
    assert "no Docker engine answers" in log.read_text()
    watchdog.close()
    assert log.is_file()


def test_trainers_go_on_when_the_watchdog_is_killed_and_are_ended_when_it_is_killed_again(
    tmp_path: Path, tiny_spec: BenchmarkSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    require_engine(tmp_path)
    started: list[int] = []
    start = Watchdog._start  # pyright: ignore[reportPrivateUsage]

    def noting(self: Watchdog) -> subprocess.Popen[bytes]:
        process = start(self)
        started.append(process.pid)
        return process

    monkeypatch.setattr(Watchdog, "_start", noting)
    home = Home(tmp_path / "home")
    home.root.mkdir()
    executor = DockerExecutor(home)
    try:
        sleeper = write_submission(tmp_path / "sleeper", 'open("/fmn/outbox/started", "w").close()\ntime.sleep(600)')
        _, job = job_of(executor, home, tiny_spec, sleeper)
        trainer = executor.start(job)
        try:
            wait_for(job.outbox / "started")
            os.kill(started[-1], signal.SIGKILL)
            eventually(lambda: trainer.poll() is None and len(started) == 2)
            assert "is started again" in caplog.text
            time.sleep(1.5)
            assert trainer.poll() is None
            os.kill(started[-1], signal.SIGKILL)
            with pytest.raises(ExecutorError, match="for the second time"):
                eventually(lambda: trainer.poll() is not None, within_s=10)
        finally:
            trainer.kill()
    finally:
        executor.close()
    assert left_behind(home) == []


def test_the_watchdog_needs_nothing_heavy() -> None:
    heavy = "'torch' in sys.modules or 'pydantic' in sys.modules"
    script = f"import sys, benchmark.executors.docker.watchdog; print({heavy})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
