"""The lock of a home: dispatchers at work share it, and what may disturb none of them holds it alone.

What two of them could write at the same time is claimed piece by piece (`claims`).
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import BinaryIO

from benchmark.store.claim import try_lock
from benchmark.store.claims import Claims, at_work_in
from benchmark.store.layout import Home


@contextmanager
def at_work(
    home: Home, what: str, on_wait: Callable[[str], None], when_alone: Callable[[], None] = lambda: None
) -> Generator[Claims]:
    """Work in a home as one of its dispatchers; gives the claims of this one, of which it holds none yet.

    Args:
        home: where it works.
        what: it is doing, for others to read.
        on_wait: called with a sentence for people where it has to wait.
        when_alone: called first where no other dispatcher is at work, and none can begin before it returns: the moment
            to remove whatever nobody can be writing. The lock alone does not say so: another machine's may not be seen.
    """
    with _opened(home) as lock:
        if _is_free(lock, fcntl.LOCK_EX) and at_work_in(home) == []:
            when_alone()
        _wait(lock, fcntl.LOCK_SH, home, on_wait)
        with Claims(home, what) as claims:
            yield claims


@contextmanager
def only_one(home: Home, on_wait: Callable[[str], None]) -> Generator[None]:
    """Work in a home while no dispatcher does; wait until all have ended.

    Args:
        home: where.
        on_wait: called with a sentence for people where it has to wait.
    """
    with _opened(home) as lock:
        _wait(lock, fcntl.LOCK_EX, home, on_wait)
        yield


@contextmanager
def _opened(home: Home) -> Generator[BinaryIO]:
    home.root.mkdir(parents=True, exist_ok=True)
    with home.lock.open("a+b", buffering=0) as lock:
        yield lock  # pyright: ignore[reportReturnType] - without a buffer it is raw


def _wait(lock: BinaryIO, kind: int, home: Home, on_wait: Callable[[str], None]) -> None:
    if not _is_free(lock, kind):
        on_wait(f"waiting: another evaluation, or what removes things, is at work in {home.root}")
        fcntl.flock(lock, kind)


def _is_free(lock: BinaryIO, kind: int) -> bool:
    """Take the lock where it is free; who only asks whether it is holds it for a few milliseconds."""
    for _ in range(3):
        if try_lock(lock.fileno(), kind):
            return True
        time.sleep(0.05)
    return False
