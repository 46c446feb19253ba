"""`python -m leaderboard`: serves the board with Streamlit, and reads and tests all records before a visitor asks.

Options go to `streamlit run`. A visitor who comes before that is done waits for the same reading.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

from streamlit import runtime
from streamlit.web import cli

POLL_S = 0.05
FIRST_PAGE = (
    "app.planned_tests", "app.ranked_tables", "app.ranking_controls", "board.stability", "figures.lines",
    "markup.interval_plot", "markup.ranking_table", "text.downloads", "text.headline",
)  # fmt: skip
"""Modules that the first page imports, within `leaderboard`."""
OTHER_PAGES = (
    "app.attachments", "app.column_config", "app.drawing", "app.forgetting_views", "app.legend", "app.mlflow_link",
    "app.picture_gallery", "board.comparison", "board.exemplars", "figures.class_figures", "markup.gallery",
    "reading.pictures", "text.claim_table", "text.commands", "text.comparison_words", "text.facts", "text.guide",
    "text.metric_docs",
)  # fmt: skip
"""Modules that other pages import."""


def warm() -> None:
    """Prepare as soon as there is a server, whose memory holds the board."""
    while not runtime.exists():
        time.sleep(POLL_S)
    prepare()


def prepare() -> None:
    """Import what the first page needs and read the board, then what other pages need, and test the first boards."""
    for module in FIRST_PAGE:
        import_module(f"leaderboard.{module}")
    board = import_module("leaderboard.app.open_board").load_board().board
    for module in OTHER_PAGES:
        import_module(f"leaderboard.{module}")
    import_module("leaderboard.app.planned_tests").prepare_tests(board)
    gc.freeze()  # a board and its tests stay: looking through them for garbage keeps every second visitor waiting


def main() -> None:
    """Serve until interrupted."""
    threading.Thread(target=warm, name="warm", daemon=True).start()
    cli.main(["run", str(Path(__file__).with_name("app") / "main.py"), *sys.argv[1:]], prog_name="streamlit")


if __name__ == "__main__":
    main()
