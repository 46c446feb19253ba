"""Logs of bounded size: the end survives, no terminal obeys it, and no program ever waits for its log."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from benchmark.executors.output_log import Head, LogFile, OutputPump, Tail, append_bounded, last_output


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1000])
def test_a_log_never_exceeds_its_limit_and_keeps_its_end(size: int, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log"
    text = "".join(str(number % 10) for number in range(size))
    for _ in range(5):
        append_bounded(log, text + "!", limit=300)
        assert log.stat().st_size <= 300
        assert log.read_text().endswith(text[-100:] + "!")


def test_a_short_log_is_whole(tmp_path: Path) -> None:
    for word in ("one\n", "two\n"):
        append_bounded(tmp_path / "log", word)
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_a_log_whose_beginning_was_dropped_says_so_and_is_still_text(tmp_path: Path) -> None:
    append_bounded(tmp_path / "log", "é" * 200 + "x", limit=300)
    assert (tmp_path / "log").read_text().startswith("[the beginning is missing: this log holds at most 300 bytes]\né")


def test_characters_that_arrive_in_two_pieces_stay_whole_and_control_characters_are_spelled_out(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log")
    for piece in (b"caf\xc3", b"\xa9 \x1b[2J \xff\n"):
        log.write(piece)
    assert (tmp_path / "log").read_text() == "café \\x1b[2J \\xff\n"


def test_the_end_of_a_log_is_shown_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    assert last_output(tmp_path / "log") == ""
    append_bounded(tmp_path / "log", "x" * 10_000 + "end")
    assert last_output(tmp_path / "log") == "x" * 3997 + "end"


def test_head_and_tail_keep_the_beginning_and_the_end() -> None:
    head, tail = Head(4), Tail(4)
    for piece in (b"abc", b"def", b"ghi"):
        head.write(piece)
        tail.write(piece)
    assert (head.content, tail.content) == (b"abcd", b"fghi")


def test_a_program_goes_on_when_its_log_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "log").mkdir()
    receiving, sending = os.pipe()
    pump = OutputPump(os.fdopen(receiving, "rb"), LogFile(tmp_path / "log"))
    with caplog.at_level(logging.WARNING):
        for _ in range(100):  # a pipe holds 64 KiB: this would wait for ever if nothing read it
            os.write(sending, b"x" * 10_000)
        os.close(sending)
        pump.join(30)
    assert [record.getMessage() for record in caplog.records if "is not kept" in record.getMessage()] != []
    assert len(caplog.records) == 1
