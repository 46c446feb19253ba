"""`python -m leaderboard`: serves the board with Streamlit, and reads all records before the first visitor asks.

Options go to `streamlit run`. A visitor who comes before that is done waits for the same reading.
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
FIRST_PAGE = (
    "app.planned_tests", "app.ranked_tables", "app.ranking_controls", "board.stability", "figures.charts",
    "figures.lines", "markup.ranking_table", "text.downloads", "text.headline",
)  # fmt: skip
"""Modules that the first page imports, within `leaderboard`."""


def warm() -> None:
    """Prepare as soon as there is a server, whose memory holds the board."""
    while not runtime.exists():
        time.sleep(POLL_S)
    prepare()


def prepare() -> None:
    """Import what the first page needs, and read the board."""
    for module in FIRST_PAGE:
        import_module(f"leaderboard.{module}")
    import_module("leaderboard.app.open_board").load_board()


def main() -> None:
    """Serve until interrupted."""
    threading.Thread(target=warm, name="warm", daemon=True).start()
    cli.main(["run", str(Path(__file__).with_name("app") / "main.py"), *sys.argv[1:]], prog_name="streamlit")


if __name__ == "__main__":
    main()
