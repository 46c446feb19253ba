"""A served leaderboard in a process of its own: where it is, and what it takes of a processor."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_START_S, _STOP_S = 60, 20


@dataclass(frozen=True)
class Server:
    """A server: where it is, and its process."""

    address: str
    pid: int

    @property
    def processor_s(self) -> float:
        """Processor time that it has taken."""
        user, system = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(words: Sequence[str], environment: Mapping[str, str]) -> Generator[Server]:
    """Run a command that serves with Streamlit until the block ends; the block begins when it answers.

    Args:
        words: the command; the port is added to it.
        environment: of its process.

    Raises:
        TimeoutError: it does not answer within a minute.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [*words, "--server.port", str(port), "--server.headless", "true"], cwd=ROOT, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield Server(f"http://127.0.0.1:{port}", server.pid)
    finally:
        server.terminate()
        server.wait(timeout=_STOP_S)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"no answer within {_START_S} s from {url}")
