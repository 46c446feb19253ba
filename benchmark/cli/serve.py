"""Serving the leaderboard: Streamlit in a child process, on localhost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import leaderboard


def serve_leaderboard(port: int) -> int:
    """Serve until interrupted; gives Streamlit's exit code."""
    entry = Path(leaderboard.__file__).with_name("app.py")
    command = [sys.executable, "-m", "streamlit", "run", str(entry), "--server.port", str(port)]
    return subprocess.run([*command, "--server.address", "localhost"], check=False).returncode
