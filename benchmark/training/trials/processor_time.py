"""A limit on the processor time of a trial: a machine that is busy with other work is nobody's failure."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class OutOfTime(BaseException):
    """The processor time of a trial is over; no `except Exception` of a submission keeps it.

    Args:
        limit_s: seconds that it had.
    """

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"more than {limit_s:g} s of processor time")
        self.limit_s = limit_s


@contextmanager
def at_most(limit_s: float | None) -> Generator[None]:
    """Raise `OutOfTime` wherever this process is once it has used so many seconds of processor time from now on.

    Code that swallows it, and code that waits, ends at the time limit that the executor has set.

    Args:
        limit_s: seconds; None for no limit.
    """
    if limit_s is None:
        yield
        return

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTime(limit_s)

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
