"""The other end of `worker.py`: starts it on a checkout, asks it for timings, and says in a sentence where it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
"""The checkout that this file belongs to."""


class WorkerError(Exception):
    """A worker could not do what it was asked for; says why."""


class Worker(AbstractContextManager["Worker"]):
    """A process that times what code of a checkout does. It starts at the first request.

    Args:
        checkout: folder with a version of this repository.
    """

    def __init__(self, checkout: Path = ROOT) -> None:
        self.checkout = checkout.resolve()
        self._process: subprocess.Popen[str] | None = None

    def build(self, label: str, side: str, options: dict[str, Any]) -> None:
        """Build what is timed and run it once.

        Args:
            label: what it is called later.
            side: `updates`, or a module of `bench.study` with a function `side`.
            options: what the side is built from, as JSON.

        Raises:
            WorkerError: it cannot be built or run.
        """
        self._ask({"build": label, "side": side, "options": options})

    def seconds(self, label: str) -> float:
        """Run once what was built; return its seconds.

        Raises:
            WorkerError: it fails.
        """
        return float(self._ask({"run": label})["seconds"])

    def forget(self) -> None:
        """Forget all that was built, so that its memory is free."""
        if self._process is not None:
            self._ask({"forget": True})

    def __exit__(self, *_: object) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._process or self._start()
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # the empty answer says the same
            process.stdin.write(f"{json.dumps(request)}\n")
            process.stdin.flush()
        return self._answer(process)

    def _answer(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            self._process = None
            process.communicate()
            raise WorkerError(f"the process for {self.checkout.name} ended with exit status {process.returncode}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def _start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join(filter(None, [str(self.checkout), os.environ.get("PYTHONPATH")]))
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("worker.py"))], cwd=self.checkout, text=True,
            env={**os.environ, "PYTHONPATH": path}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        found = self._answer(process)["checkout"]
        if Path(found) != self.checkout:
            raise WorkerError(f"expected the code of {self.checkout}, got that of {found}; unset PYTHONPATH")
        return process


def checkout_name(checkout: Path) -> str:
    """Return the commit of a checkout as git shortens it, or the folder's name where git knows none."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return checkout.resolve().name


def checked_checkout(checkout: Path) -> Path:
    """Return a folder that is a version of this repository.

    Raises:
        SystemExit: it is none.
    """
    if not (checkout / "benchmark" / "__init__.py").is_file() or not (checkout / "bench" / "peer.py").is_file():
        how = "`git worktree add FOLDER COMMIT` makes one"
        raise SystemExit(f"--against: expected a folder with another version of this repository, got {checkout}; {how}")
    return checkout
