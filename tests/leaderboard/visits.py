"""The served board as a test visits it: a page, opened with what its address says, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = Path(__file__).resolve().parents[2] / "leaderboard" / "app" / "main.py"

Visit = Callable[..., AppTest]


def visit_page(page: str = "ranking", /, **query: str | list[str]) -> AppTest:
    """Open the first page, then another one; none of them may fail.

    Args:
        page: name of its file under `views`.
        query: parameters of the address.
    """
    app = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    if page != "ranking":
        app.switch_page(f"views/{page}.py").run()
    assert not app.exception, app.exception
    return app
