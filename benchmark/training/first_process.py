"""The first process of a trainer's container: starts the trainer, and reports how it ended where nobody else can write.

    python -I -S first_process.py PROGRAM ARGUMENTS...

An exit code alone says too little: 137 comes from SIGKILL, and from a program that exits with 137. The report is one
line on standard output, of which the trainer gets no copy: all that it prints goes to standard error. It can neither
end the first process of its container nor read its memory or descriptors. The file imports nothing of the project, so
that it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_DUMPABLE = 4


def main() -> None:
    """Run a program to its end, print `exit CODE` or `signal NUMBER`, and exit as a shell would."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)
    os.umask(0)  # the dispatcher, another user, removes what the trainer writes
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # the kernel keeps signals without a handler from a first process
    trainer = os.fork()
    if trainer == 0:
        os.dup2(2, 1)
        os.execvp(sys.argv[1], sys.argv[1:])
    status = _wait_for(trainer)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        _end(f"signal {number}", 128 + number)
    code = os.WEXITSTATUS(status)
    _end(f"exit {code}", code)


def _wait_for(trainer: int) -> int:
    """Reap every process until the trainer has ended; return its status."""
    while True:
        ended, status = os.wait()
        if ended == trainer:
            return status


def _end(report: str, code: int) -> None:
    os.write(1, f"{report}\n".encode())
    os._exit(code)


if __name__ == "__main__":
    main()
