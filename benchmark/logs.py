"""Handlers of the log: warnings on standard error, and everything in a bounded file under the home.

Modules write to `logging.getLogger(__name__)` and know nothing of this. Trainers and scorers write to standard error
only. Messages may hold text of submissions, so whatever would steer a terminal is spelled out.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from benchmark.printable import spelled_out
from benchmark.settings import read_settings
from benchmark.spec import Problem, UserError

MAX_FILE_BYTES, NUM_OLD_FILES = 1 << 20, 3
"""A log file is renamed at this size; so many older ones are kept."""

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_PACKAGES = ("benchmark", "leaderboard")


class _Inert(logging.Formatter):
    """Spells out control characters; further lines are indented, so that no message looks like another record."""

    def format(self, record: logging.LogRecord) -> str:
        return spelled_out(super().format(record)).replace("\n", "\n    ")


class _File(RotatingFileHandler):
    """A log file that never fails its user: a message that cannot be written is lost."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's own
        """Drop the message: a full disk is reported where something that matters is written."""


def shown_level() -> int:
    """Return the level that `FMN_LOG_LEVEL` asks for.

    Raises:
        UserError: there is no such level.
    """
    name = read_settings().log_level
    if name.lower() not in _LEVELS:
        raise UserError([Problem("FMN_LOG_LEVEL", f"one of {', '.join(_LEVELS)}", repr(name[:40]))])
    return _LEVELS[name.lower()]


@contextmanager
def shown_on_terminal() -> Generator[None]:
    """Show messages of at least the level that the user asks for on standard error; in colour where that is a terminal.

    Raises:
        UserError: there is no such level.
    """
    handler = _rich_handler() if sys.stderr.isatty() else _plain_handler()
    handler.setLevel(shown_level())
    with _attached(handler):
        yield


def _rich_handler() -> logging.Handler:
    from rich.console import Console
    from rich.highlighter import NullHighlighter
    from rich.logging import RichHandler

    handler = RichHandler(console=Console(stderr=True), show_time=False, show_path=False, highlighter=NullHighlighter())
    handler.setFormatter(_Inert("%(message)s"))
    return handler


def _plain_handler() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(_Inert("%(levelname)s: %(message)s"))
    return handler


@contextmanager
def written_to(path: Path) -> Generator[None]:
    """Append everything that is logged to a file, which is made with the first message."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _File(path, maxBytes=MAX_FILE_BYTES, backupCount=NUM_OLD_FILES, encoding="utf-8", delay=True)
    handler.setFormatter(_Inert("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    with _attached(handler):
        yield


@contextmanager
def _attached(handler: logging.Handler) -> Generator[None]:
    loggers = [logging.getLogger(name) for name in _PACKAGES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)  # handlers choose; a library's loggers are left alone
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
        handler.close()
