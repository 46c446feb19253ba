"""Serving the leaderboard: Streamlit in a child process, on localhost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import leaderboard
from benchmark.execution.home import Home


def serve_leaderboard(port: int) -> int:
    """Serve until interrupted; gives Streamlit's exit code.

    Streamlit reads its settings from the folder it is started in: the root of the project.
    """
    entry = Path(leaderboard.__file__).with_name("app.py")
    environment = {**os.environ, "FMN_HOME": str(Home.from_environment().root)}
    command = [sys.executable, "-m", "streamlit", "run", str(entry), "--server.port", str(port)]
    command += ["--server.address", "localhost"]
    return subprocess.run(command, check=False, cwd=entry.parents[1], env=environment).returncode
