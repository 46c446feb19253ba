"""What programs print, kept in log files of bounded size as text that no terminal obeys.

A log is for people. No part of the benchmark decides anything by what is in it.
"""

from __future__ import annotations

import codecs
import logging
import os
import threading
from pathlib import Path
from typing import IO, Protocol

from benchmark.executors.programs import MAX_LOG_BYTES, MAX_SHOWN_BYTES
from benchmark.printable import spelled_out

logger = logging.getLogger(__name__)

_PIECE_BYTES = 1 << 16


def append_bounded(path: Path, text: str, limit: int = MAX_LOG_BYTES) -> None:
    """Append text to a log file; of a file that would exceed `limit` bytes, the end is kept, about half of `limit`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode()
    with path.open("a+b") as log:
        size = log.seek(0, os.SEEK_END)
        if size + len(content) > limit:
            kept = limit // 2
            log.seek(max(0, size - kept))
            end = (log.read(kept) + content)[-kept:].decode(errors="ignore")  # a character may have been cut in two
            content = f"[the beginning is missing: this log holds at most {limit} bytes]\n{end}".encode()
            log.truncate(0)
        log.write(content)


def last_output(path: Path) -> str:
    """Return the end of a log file; "" if there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - MAX_SHOWN_BYTES))
            return log.read().decode(errors="ignore")
    except FileNotFoundError:
        return ""


class Sink(Protocol):
    """Where output goes, piece by piece."""

    def write(self, piece: bytes) -> None:
        """Keep as much of it as there is room for."""


class LogFile:
    """Appends output to a log file of bounded size.

    Args:
        path: the file.
        limit: its largest size in bytes.
    """

    def __init__(self, path: Path, limit: int = MAX_LOG_BYTES) -> None:
        self._path, self._limit = path, limit
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")  # pieces may cut characters in two
        self._is_writable = True

    def write(self, piece: bytes) -> None:
        """Append it, with control characters spelled out; after a first error, such as a full disk, drop it."""
        text = spelled_out(self._decoder.decode(piece))
        if not self._is_writable:
            return
        try:
            append_bounded(self._path, text, self._limit)
        except OSError as error:
            self._is_writable = False
            logger.warning("the rest of the output is not kept in %s: %s", self._path, error.strerror)


class Head:
    """Keeps the first `limit` bytes of an output as `content`."""

    def __init__(self, limit: int) -> None:
        self.content, self._limit = b"", limit

    def write(self, piece: bytes) -> None:
        """Keep what belongs to the beginning."""
        self.content += piece[: self._limit - len(self.content)]


class Tail:
    """Keeps the last `limit` bytes of an output as `content`."""

    def __init__(self, limit: int) -> None:
        self.content, self._limit = b"", limit

    def write(self, piece: bytes) -> None:
        """Keep it in the place of what is older."""
        self.content = (self.content + piece)[-self._limit :]


class OutputPump:
    """Copies what a process prints from a pipe to a sink, in a thread, until the last writer closes the pipe.

    It always goes on reading: a process that prints must never wait for its log.

    Args:
        pipe: where the output comes from; the pump closes it.
        sink: where it goes.
    """

    def __init__(self, pipe: IO[bytes], sink: Sink) -> None:
        self._pipe, self._sink = pipe, sink
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait until everything is in the sink, for at most `timeout_s` seconds."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            logger.debug("a process that has left its group still holds the pipe of its output")

    def _copy(self) -> None:
        with self._pipe:
            while piece := os.read(self._pipe.fileno(), _PIECE_BYTES):
                self._sink.write(piece)
