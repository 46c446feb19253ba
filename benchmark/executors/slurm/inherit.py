"""Becomes a command that inherits descriptors under the numbers it expects them at.

    python -I -m benchmark.executors.slurm.inherit 9:3,12:4 COMMAND ARGUMENTS...

A container takes over descriptors from 3 on, in one row. Python's own way to start a process keeps their numbers.
"""

from __future__ import annotations

import fcntl
import os
import sys

_ABOVE = 64
"""Higher than every number that is wanted, so that no descriptor takes the place of one that is still to be moved."""


def main() -> None:
    """Move the descriptors, and become the command."""
    pairs = [tuple(map(int, pair.split(":"))) for pair in sys.argv[1].split(",")]
    moved = [(fcntl.fcntl(given, fcntl.F_DUPFD_CLOEXEC, _ABOVE), wanted) for given, wanted in pairs]
    for given, _ in pairs:
        os.close(given)  # a second copy of it would reach the program
    for given, wanted in moved:
        os.dup2(given, wanted)
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
