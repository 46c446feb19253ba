"""Serving the leaderboard: a child process on localhost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmark.recording.trust import list_path, load_trust
from benchmark.settings import read_settings
from benchmark.shipped import shipped
from benchmark.spec import UserError
from benchmark.store.layout import Home


def serve_leaderboard(port: int, trusted_keys: Path | None = None) -> int:
    """Serve until interrupted; gives Streamlit's exit code.

    Streamlit reads its settings from the folder it is started in, where they ship; so paths become absolute.

    Raises:
        UserError: the list of trusted keys that was asked for cannot be read; says why.
    """
    if trusted_keys is not None and (problems := load_trust(trusted_keys).problems):
        raise UserError(problems)
    settings = read_settings()
    root = shipped(".streamlit").parent
    places = {"FMN_HOME": Home.from_environment().root, "FMN_CONFIG": settings.config_folder}
    places["FMN_TRUSTED_KEYS"] = list_path(trusted_keys)
    for name, place in (("FMN_RESULTS", settings.results), ("FMN_CACHE", settings.cache)):
        if place is not None:
            places[name] = place.absolute()
    environment = {**os.environ, **{name: str(place) for name, place in places.items()}}
    command = [sys.executable, "-m", "leaderboard", "--server.port", str(port), "--server.address", "localhost"]
    return subprocess.run(command, check=False, cwd=root, env=environment).returncode
