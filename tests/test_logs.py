"""The log: warnings reach people, everything reaches a bounded file, and nothing that is logged can do harm."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from benchmark.logs import MAX_FILE_BYTES, NUM_OLD_FILES, shown_on_terminal, written_to
from benchmark.spec import UserError

logger = logging.getLogger("benchmark.somewhere.deep")


def log_all() -> None:
    logger.debug("a detail")
    logger.info("a fact")
    logger.warning("a \x1b[2Jwarning\nforged line")
    logging.getLogger("mlflow").debug("not ours")


@pytest.mark.parametrize(
    ("level", "expected"), [("", ["a \\x1b[2Jwarning"]), ("INFO", ["a fact", "a \\x1b"]), ("error", [])]
)
def test_messages_of_the_chosen_level_are_shown_and_steer_no_terminal(
    level: str, expected: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FMN_LOG_LEVEL", level)
    with shown_on_terminal():
        log_all()
    shown = capsys.readouterr()
    lines = [line for line in shown.err.splitlines() if not line.startswith("    ")]
    assert len(lines) == len(expected)
    assert all(text in line for text, line in zip(expected, lines, strict=True))
    assert "\x1b" not in shown.err
    assert shown.out == ""


def test_a_terminal_gets_the_same(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with shown_on_terminal():
        log_all()
        logger.warning("[red]text[/red] of a stranger")
    shown = capsys.readouterr().err
    assert "warning" in shown
    assert "a fact" not in shown
    assert "[red]text[/red]" in shown
    assert "\x1b[2J" not in shown


def test_an_unknown_level_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMN_LOG_LEVEL", "loud")
    with pytest.raises(UserError, match=r"FMN_LOG_LEVEL: expected one of debug, info, warning, error, got 'loud'"):
        shown_on_terminal().__enter__()


def test_everything_is_kept_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "dispatcher.log"
    with written_to(path):
        assert not path.exists()
        log_all()
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            logger.info("a fault", exc_info=True)
    lines = path.read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines if not line.startswith("    ")] == [
        "DEBUG benchmark.somewhere.deep: a detail",
        "INFO benchmark.somewhere.deep: a fact",
        "WARNING benchmark.somewhere.deep: a \\x1b[2Jwarning",
        "INFO benchmark.somewhere.deep: a fault",
    ]
    assert "    ZeroDivisionError" in lines


def test_the_file_is_bounded(tmp_path: Path) -> None:
    with written_to(tmp_path / "log"):
        for _ in range(30):
            logger.warning("x" * (MAX_FILE_BYTES // 4))
    files = list(tmp_path.iterdir())
    assert len(files) == NUM_OLD_FILES + 1
    assert all(file.stat().st_size <= MAX_FILE_BYTES for file in files)


def test_a_full_disk_harms_nobody_who_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: object, record: object) -> bool:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("logging.handlers.RotatingFileHandler.shouldRollover", full)
    with written_to(tmp_path / "log"):
        logger.warning("lost")
    assert capsys.readouterr().err == ""


def test_no_handler_stays_behind(tmp_path: Path) -> None:
    before = [(logging.getLogger(name).level, list(logging.getLogger(name).handlers)) for name in ("benchmark", "")]
    with shown_on_terminal(), written_to(tmp_path / "log"):
        pass
    assert [
        (logging.getLogger(name).level, list(logging.getLogger(name).handlers)) for name in ("benchmark", "")
    ] == before
