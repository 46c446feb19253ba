"""MLflow on PostgreSQL for tests: skipped with one line where there is none, a failure with FMN_REQUIRE_MLFLOW=1."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.needs import lacking

HOW_TO = "run tests/recording/mlflow_server/start_mlflow.sh and export FMN_MLFLOW_SERVER as it says"
_START = Path(__file__).with_name("start_mlflow.sh")


@dataclass(frozen=True)
class Server:
    """A server that start_mlflow.sh has started with everything of its own in a folder."""

    folder: Path

    @property
    def address(self) -> str:
        return (self.folder / "address").read_text().strip()

    def answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.address}/health", timeout=10):
            return True
        return False

    def kill(self) -> None:
        """End MLflow at once, as a machine that goes down does; the database stays."""
        os.killpg(int((self.folder / "mlflow.pid").read_text()), signal.SIGKILL)

    def start(self) -> None:
        """Start what has ended, and wait until it answers."""
        subprocess.run([str(_START), str(self.folder)], check=True, capture_output=True)


def require_server() -> Server:
    """Return the server; skip the calling test where none is, and fail instead where one is required."""
    named = os.environ.get("FMN_MLFLOW_SERVER", "")
    server = Server(Path(named))
    if not named or not server.answers():
        lacking("no MLflow server on PostgreSQL answers", "FMN_REQUIRE_MLFLOW", HOW_TO)
    return server
