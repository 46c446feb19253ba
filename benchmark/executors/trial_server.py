"""Many trials in one call: a process that has imported torch once, and a fork of it for every trial.

    python -I -m benchmark.executors.trial_server REQUESTS_FILE

The server runs no submitted code, so that every fork starts from the same clean state, and no trial can reach another
through it. A trial leads a session of its own, has its own pipes and none of another, and dies with the server. This
is what `EXECUTOR=process` promises of a trial in an interpreter of its own, and no more: it isolates nothing.
"""

from __future__ import annotations

import importlib
import json
import os
import selectors
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark.executors.output_log import Head, Tail
from benchmark.executors.parent_death import end_with
from benchmark.executors.programs import MAX_ANSWER_BYTES, MAX_SHOWN_BYTES, TRIALS

RESULTS_FILE = "results.json"
"""Name of the file with all results, beside the requests."""

OUTPUTS = ("stdout_hex", "stderr_hex")
"""Names of the fields of a result that hold what a trial has printed."""

_POLL_S = 0.02
_PIECE_BYTES = 1 << 16


@dataclass(frozen=True)
class TrialRequest:
    """One trial: a module of `benchmark.training.trials`, its arguments, its working directory and time limit."""

    name: str
    arguments: tuple[str, ...]
    folder: str
    limit_s: float


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended: exit code (None at its time limit) and both outputs, bounded, decoded by the reader."""

    exit_code: int | None
    stdout_hex: str
    stderr_hex: str


class _Child:
    """A forked trial and the two pipes that it prints into."""

    def __init__(self, request: TrialRequest) -> None:
        self._deadline = time.monotonic() + request.limit_s
        self._outputs = (Head(MAX_ANSWER_BYTES), Tail(MAX_SHOWN_BYTES))
        pipes = (os.pipe(), os.pipe())
        self._selector = selectors.DefaultSelector()
        server = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _be_trial(request, (pipes[0][1], pipes[1][1]), server)
        for (reading, writing), output in zip(pipes, self._outputs, strict=True):
            os.close(writing)
            os.set_blocking(reading, False)
            self._selector.register(reading, selectors.EVENT_READ, output)
        self._status: int | None = None

    def result(self) -> TrialResult | None:
        """Take what it has printed; return how it ended, or None while it runs."""
        self._take(_POLL_S)
        ended = self._has_ended()
        if not ended and time.monotonic() < self._deadline:
            return None
        with suppress(ProcessLookupError, PermissionError):  # macOS says so of a group that has ended
            os.killpg(self.pid, signal.SIGKILL)  # what it has started goes with it
        status = os.waitpid(self.pid, 0)[1] if self._status is None else self._status
        self._take(0)
        for key in list(self._selector.get_map().values()):
            os.close(key.fd)
        self._selector.close()
        code = os.waitstatus_to_exitcode(status) if ended else None
        return TrialResult(code, *(each.content.hex() for each in self._outputs))

    def _has_ended(self) -> bool:
        """Return whether it has ended; it is reaped only on macOS, which cannot tell otherwise.

        Until it is reaped, its id, which names its group, cannot become the id of another process.
        """
        if sys.platform != "darwin":
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        reaped, status = os.waitpid(self.pid, os.WNOHANG)
        if reaped:
            self._status = status
        return bool(reaped)

    def _take(self, timeout_s: float) -> None:
        if not self._selector.get_map():
            time.sleep(timeout_s)
            return
        for key, _ in self._selector.select(timeout_s):
            while (piece := _read(key.fd)) is not None:
                if not piece:
                    self._selector.unregister(key.fd)
                    os.close(key.fd)
                    break
                key.data.write(piece)


def _read(descriptor: int) -> bytes | None:
    """Return what is in a pipe: b"" at its end, None where nothing is there now."""
    try:
        return os.read(descriptor, _PIECE_BYTES)
    except BlockingIOError:
        return None


def _be_trial(request: TrialRequest, outputs: tuple[int, int], server: int) -> None:
    """Become the trial; never returns."""
    code = 1
    try:
        os.setsid()
        end_with(server)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, number in ((nothing, 0), (outputs[0], 1), (outputs[1], 2)):
            os.dup2(descriptor, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # the pipes of other trials among them
        os.chdir(request.folder)
        sys.argv = [request.name, *request.arguments]
        importlib.import_module(f"{TRIALS}.{request.name}").main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code & 0xFF)


def serve(requests: list[TrialRequest], at_once: int) -> list[TrialResult]:
    """Run trials, some at a time, each to its end, and return how they ended, in their order."""
    for name in {request.name for request in requests}:
        importlib.import_module(f"{TRIALS}.{name}")  # torch with it, once
    waiting, running = list(enumerate(requests)), dict[int, _Child]()
    results: dict[int, TrialResult] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            number, request = waiting.pop(0)
            running[number] = _Child(request)
        for number, child in list(running.items()):
            if (result := child.result()) is not None:
                results[number] = result
                del running[number]
    return [results[number] for number in range(len(requests))]


def main() -> None:
    """Read requests, run them, and write the results beside them."""
    path = Path(sys.argv[1])
    asked: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    requests = [TrialRequest(each["name"], tuple(each["arguments"]), each["folder"], each["limit_s"])
                for each in asked["requests"]]  # fmt: skip
    results = serve(requests, asked["at_once"])
    (path.parent / RESULTS_FILE).write_text(json.dumps([asdict(each) for each in results]), encoding="utf-8")


if __name__ == "__main__":
    main()
