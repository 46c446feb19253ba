"""`python -m leaderboard`: serves the board by Streamlit, and reads all records before the first visitor asks.

Options go to `streamlit run`. It refuses to keep anybody waiting: who comes early shares the reading.
"""

from __future__ import annotations

import sys
import threading
import time
from importlib import import_module
from pathlib import Path

from streamlit import runtime
from streamlit.web import cli

POLL_S = 0.05


def warm() -> None:
    """Prepare once there is a server, in whose memory the board is to be."""
    while not runtime.exists():
        time.sleep(POLL_S)
    prepare()


def prepare() -> None:
    """Import what the first page needs, and read the board."""
    for module in ("figures.charts", "text.downloads", "board.stability", "app.table", "app.controls"):
        import_module(f"leaderboard.{module}")
    import_module("leaderboard.app.open_board").read_board()


def main() -> None:
    """Serve until interrupted."""
    threading.Thread(target=warm, name="warm", daemon=True).start()
    cli.main(["run", str(Path(__file__).with_name("app") / "main.py"), *sys.argv[1:]], prog_name="streamlit")


if __name__ == "__main__":
    main()
