"""The watchdog: a process of its own that ends overdue containers, and removes a dispatcher's once that is gone.

    python -I -m benchmark.executors.docker.watchdog [--dispatcher ID]

It notices the end of its dispatcher, SIGKILL included, by the closing of the pipe between them. Without `--dispatcher`
it looks once, for containers of any dispatcher that are past their deadlines: fit for a timer of the system.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from benchmark.executors.docker.engine import Engine, EngineError
from benchmark.executors.docker.limits import DISPATCHER_LABEL
from benchmark.executors.errors import ExecutorError

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
GRACE_S = 10.0
"""How much later than the dispatcher the watchdog acts: the dispatcher knows more, and records the reason."""

_LAST_LOOK_S = 60.0
"""How long a dispatcher that ends waits for its watchdog's last look."""

_PASSED_ON = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")


class Watchdog:
    """The dispatcher's handle on its watchdog process, which starts at once.

    Args:
        dispatcher: id on the labels of the containers that are removed with their dispatcher.
        log: file for what the process reports; an empty one is removed at the end.
    """

    def __init__(self, dispatcher: str, log: Path) -> None:
        self._dispatcher, self._log = dispatcher, log
        self._may_restart = True
        self._process = self._start()

    @property
    def pid(self) -> int:
        """Id of the process that watches now."""
        return self._process.pid

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-m", "benchmark.executors.docker.watchdog", "--dispatcher", self._dispatcher]
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C at the terminal must not end the process that cleans up afterwards.
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, env=environment,
                start_new_session=True,
            )  # fmt: skip

    def check(self) -> None:
        """Make sure that the process runs; one that has ended is started again, once.

        Raises:
            ExecutorError: it has ended again, so that overdue containers would run on.
        """
        code = self._process.poll()
        if code is None:
            return
        ended = f"the watchdog of containers ended with exit code {code}"
        if not self._may_restart:
            raise ExecutorError(f"{ended} for the second time; what it reported is in {self._log}")
        self._may_restart = False
        logger.warning("%s and is started again; what it reported is in %s", ended, self._log)
        self._close_pipe()
        self._process = self._start()

    def close(self) -> None:
        """Let it look a last time and end."""
        self._close_pipe()
        try:
            code = self._process.wait(timeout=_LAST_LOOK_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code:
            logger.warning("the watchdog ended with exit code %d; what it reported is in %s", code, self._log)
        if self._log.is_file() and not self._log.stat().st_size:
            self._log.unlink()

    def _close_pipe(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()


def watch(dispatcher: str) -> None:
    """End overdue containers until standard input closes; then remove what the dispatcher has left."""
    engine, reported = Engine(), ""
    try:
        while not select.select([sys.stdin], [], [], LOOK_EVERY_S)[0]:
            try:
                engine.kill_overdue(time.time() - GRACE_S)
            except EngineError as error:
                if str(error) != reported:  # the next look may succeed; the log must not grow with every one
                    logger.warning("%s", error)
                reported = str(error)
        engine.remove_labelled({DISPATCHER_LABEL: dispatcher})
    finally:
        engine.close()


def main() -> None:
    """Watch, or look once."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.executors.docker.watchdog", description=__doc__)
    parser.add_argument("--dispatcher")
    arguments = parser.parse_args()
    try:
        if arguments.dispatcher:
            watch(arguments.dispatcher)
        else:
            print(f"{_look_once()} overdue containers ended")
    except EngineError as error:
        sys.exit(str(error))


def _look_once() -> int:
    engine = Engine()
    try:
        return engine.kill_overdue(time.time())
    finally:
        engine.close()


if __name__ == "__main__":
    main()
