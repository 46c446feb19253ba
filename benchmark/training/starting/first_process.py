"""The first process of a container: starts the program, and reports how it ended where nobody else can write.

    python -I -S first_process.py PROGRAM ARGUMENTS...
    python -I -S first_process.py --held PROGRAM ARGUMENTS...

An exit code alone says too little: 137 comes from SIGKILL, and from a program that exits with 137. The report is one
line on standard output, of which the trainer gets no copy: all that it prints goes to standard error. It can neither
end the first process of its container nor read its memory or descriptors. The file imports nothing of the project, so
that it starts in milliseconds.

A container that is `--held` belongs to a process outside, which holds two pipes of it. The report goes into one of
them. The other one is only open: once its holder has died, in whatever way, or has closed it, the first process ends,
and with it all of the container. No daemon and no list of processes is needed for that.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import signal
import sys

HELD = "--held"
HOLD, REPORT = 3, 4
"""Descriptors of a held container: the end of the pipe that its holder keeps open, and where the report is written."""

_PR_SET_DUMPABLE = 4


def main() -> None:
    """Run a program to its end, report `exit CODE` or `signal NUMBER`, and exit as a shell would."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # the kernel keeps signals without a handler from a first process
    is_held = sys.argv[1] == HELD
    if not is_held:
        os.umask(0)  # the dispatcher, another user, removes what the trainer writes
    program = sys.argv[2 if is_held else 1 :]
    trainer = os.fork()
    if trainer == 0:
        if is_held:
            os.close(HOLD)
            os.close(REPORT)
        else:
            os.dup2(2, 1)
        os.execvp(program[0], program)
    if is_held:
        _thread.start_new_thread(_end_with_holder, ())
    status = _wait_for(trainer)
    report_to = REPORT if is_held else 1
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        _end(report_to, f"signal {number}", 128 + number)
    code = os.WEXITSTATUS(status)
    _end(report_to, f"exit {code}", code)


def _end_with_holder() -> None:
    """Wait until nobody holds the other end of the pipe, and end; the kernel then ends all of the container."""
    while os.read(HOLD, 1):
        pass
    os._exit(128 + signal.SIGKILL)


def _wait_for(trainer: int) -> int:
    """Reap every process until the trainer has ended; return its status."""
    while True:
        ended, status = os.wait()
        if ended == trainer:
            return status


def _end(report_to: int, report: str, code: int) -> None:
    os.write(report_to, f"{report}\n".encode())
    os._exit(code)


if __name__ == "__main__":
    main()
