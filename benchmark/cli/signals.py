"""SIGTERM and SIGHUP end every verb as Ctrl-C does: what it has started ends, and what it wrote aside is removed.

A verb that can be continued says so.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import typer

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_like_ctrl_c() -> Generator[None]:
    """Turn the first SIGTERM or SIGHUP into `KeyboardInterrupt`, and the end that follows into exit code 128 + n.

    Further ones are ignored, so that nothing interrupts the cleaning up. A signal that the caller has made this process
    ignore, as `nohup` does with SIGHUP, stays ignored.

    Raises:
        SystemExit: with 128 + n, once signal n has ended what runs in this context.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in replaced:
            signal.signal(each, signal.SIG_IGN)
        received.append(number)
        raise KeyboardInterrupt

    replaced = [number for number in _ENDING if signal.getsignal(number) == signal.SIG_DFL]
    for number in replaced:
        signal.signal(number, interrupt)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if received:
            raise SystemExit(128 + received[0]) from None
        raise
    finally:
        for number in replaced:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def continued_by_the_same_command() -> Generator[None]:
    """Say on an interruption how to go on; typer would end without a word.

    Raises:
        Exit: with 130, where what runs in this context was interrupted.
    """
    try:
        yield
    except KeyboardInterrupt:
        print("\ninterrupted; run the same command again to continue", file=sys.stderr)
        raise typer.Exit(130) from None
