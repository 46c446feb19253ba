"""`fmn leaderboard` serves the board, and has read it before anybody comes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from leaderboard.reading.board_cache import BoardCache
from tests.leaderboard.records import Knobs, evaluation, shelve

ROOT = Path(__file__).resolve().parents[3]


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_server_answers_and_reads_its_records_before_the_first_visitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(tmp_path / "home", evaluation(Knobs("a")), evaluation(Knobs("b")))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {"FMN_HOME": tmp_path / "home", "FMN_RESULTS": tmp_path / "none", "FMN_CACHE": tmp_path / "cache"}
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmark", "leaderboard", "--port", str(port)], cwd=ROOT, text=True,
        env=os.environ | {name: str(place) for name, place in places.items()}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        _wait_until(lambda: any((tmp_path / "cache").glob("*.index")))
        with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=20) as answer:
            assert answer.read() == b"ok"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        said, _ = server.communicate(timeout=20)
    assert "Traceback" not in said
    assert "ScriptRunContext" not in said
    monkeypatch.setenv("FMN_CACHE", str(tmp_path / "cache"))
    assert len(BoardCache.of([tmp_path / "home", tmp_path / "none"]).found) == 2
