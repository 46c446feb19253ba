"""A prepared server keeps nobody waiting for tests; the first page sends nothing that needs a large script."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaderboard.__main__ import prepare
from leaderboard.app import planned_tests
from tests.leaderboard.records import Knobs, evaluation, shelve
from tests.leaderboard.visits import visit_page

CHARTS_AND_GRIDS = ("arrow_vega_lite_chart", "vega_lite_chart", "arrow_data_frame", "dataframe")


def _noting(asked: list[str], name: str, really: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*given: Any) -> Any:
        asked.append(name)
        return really(*given)

    return noted


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FMN_HOME", str(tmp_path))
    monkeypatch.setenv("FMN_RESULTS", str(tmp_path / "none"))
    shelve(tmp_path, *(evaluation(Knobs(name, 0.9 + 0.02 * place)) for place, name in enumerate("abc")))
    return tmp_path


@pytest.mark.usefixtures("home")
def test_a_prepared_server_has_tested_its_boards_before_the_firstvisit_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first visitor of Claims waited for 126,750 tests of a board of 500 submissions."""
    monkeypatch.setattr(gc, "freeze", lambda: None)
    asked: list[str] = []
    for name in ("claims", "neighbouring_orders", "verdict_sentence"):
        monkeypatch.setattr(planned_tests, name, _noting(asked, name, getattr(planned_tests, name)))
    prepare()
    assert {"claims", "neighbouring_orders", "verdict_sentence"} <= set(asked)
    asked.clear()
    shown = visit_page("claims")
    assert any("tests were planned" in each.value for each in shown.text)
    assert asked == []


@pytest.mark.usefixtures("home")
def test_the_first_page_needs_neither_a_chart_nor_a_grid_of_the_browser() -> None:
    """Both together are 2.3 MB of scripts, and twice the browser's work."""
    app = visit_page()
    assert {each: len(app.get(each)) for each in CHARTS_AND_GRIDS} == dict.fromkeys(CHARTS_AND_GRIDS, 0)
    still = [each.proto.json for each in app.get("bidi_component") if "still" in each.proto.component_name]
    assert len(still) == 2  # the intervals, and who leads by other numbers
    assert any("Leaders by every number" in each for each in still)
