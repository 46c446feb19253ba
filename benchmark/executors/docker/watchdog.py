"""The second clock: a process of its own that ends overdue containers, and removes a dispatcher's when that is gone.

    python -I -m benchmark.executors.docker.watchdog [--dispatcher ID]

It notices the end of its dispatcher, SIGKILL included, by the closing of the pipe between them. Without `--dispatcher`
it looks once, for containers of any dispatcher that are past their deadlines: fit for a timer of the system.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import subprocess
import sys
import time

from benchmark.executors.docker.engine import Engine, EngineError
from benchmark.executors.docker.limits import DISPATCHER_LABEL

LOOK_EVERY_S = 5.0
GRACE_S = 10.0
"""The dispatcher's own clock comes first: it knows more, and says so in the record."""

_PASSED_ON = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")


class Watchdog:
    """The dispatcher's handle on its watchdog process."""

    def __init__(self, dispatcher: str) -> None:
        command = [sys.executable, "-I", "-m", "benchmark.executors.docker.watchdog", "--dispatcher", dispatcher]
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        # A session of its own: Ctrl-C at the terminal reaches the dispatcher and not the one who cleans up after it.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
            start_new_session=True,
        )  # fmt: skip

    def close(self) -> None:
        """Let it look a last time and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def watch(dispatcher: str) -> None:
    """End overdue containers until standard input closes; then remove what the dispatcher has left."""
    engine = Engine()
    try:
        while not select.select([sys.stdin], [], [], LOOK_EVERY_S)[0]:
            with contextlib.suppress(EngineError):
                engine.kill_overdue(time.time() - GRACE_S)
        engine.remove_labelled({DISPATCHER_LABEL: dispatcher})
    finally:
        engine.close()


def main() -> None:
    """Watch, or look once."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.executors.docker.watchdog", description=__doc__)
    parser.add_argument("--dispatcher")
    arguments = parser.parse_args()
    if arguments.dispatcher:
        watch(arguments.dispatcher)
        return
    engine = Engine()
    try:
        print(f"{engine.kill_overdue(time.time())} overdue containers ended")
    finally:
        engine.close()


if __name__ == "__main__":
    main()
