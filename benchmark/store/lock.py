"""The lock of a home: one dispatcher at a time works in it, and others can tell which evaluation is alive."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from benchmark.store.layout import Home

logger = logging.getLogger(__name__)


@contextmanager
def only_one(home: Home, name: str, on_wait: Callable[[str], None]) -> Generator[None]:
    """Let one dispatcher at a time work in a home; a second one waits for the first.

    Args:
        home: where it works.
        name: of its status, written into the lock, so that others can tell which evaluation is alive.
        on_wait: called with a sentence for people where it has to wait.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    with home.lock.open("a+b", buffering=0) as lock:
        if not _is_free(lock.fileno()):
            on_wait(f"waiting: another evaluation is at work in {home.root}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            lock.truncate(0)
            lock.write(name.encode())
        except OSError as error:
            logger.warning("the lock is held, but a leaderboard cannot tell for which evaluation: %s", error)
        yield


def _is_free(lock: int) -> bool:
    """Take the lock where it is free; a leaderboard that looks at it holds it for a few milliseconds only."""
    for _ in range(3):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False
