"""Runs a module as a child that ends with its dispatcher from the very start, so that no orphan writes anything.

    python -I -m benchmark.executors.parent_death PARENT_PID MODULE ARGUMENTS...

A trainer imports torch for seconds before it could ask for this itself. For the same reason nothing of the project is
imported here.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Ask Linux to kill this process when its parent dies, and make sure that it has not died already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit("the dispatcher has gone")


def main() -> None:
    """Make this process end with its parent, and run the module."""
    parent, module = int(sys.argv[1]), sys.argv[2]
    end_with(parent)
    del sys.argv[1:3]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
