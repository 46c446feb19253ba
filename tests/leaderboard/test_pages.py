"""Every page runs on a store with broken, hostile and incomplete records; widgets do what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.leaderboard.records import HOSTILE_NAMES

APP = Path(__file__).resolve().parents[2] / "leaderboard" / "app.py"
PAGES = ["ranking", "curves", "submission", "compare", "claims", "methods"]

Visit = Callable[..., AppTest]


@pytest.fixture
def visit(store: Path, monkeypatch: pytest.MonkeyPatch) -> Visit:
    def go(page: str = "ranking", home: Path = store, **query: str) -> AppTest:
        monkeypatch.setenv("FMN_HOME", str(home))
        app = AppTest.from_file(str(APP), default_timeout=60)
        app.query_params.update({"spec": "digits-1.0 (smoke)"} | query if home == store else query)
        app.run()
        if page != "ranking":
            app.switch_page(f"app_pages/{page}.py").run()
        assert not app.exception, app.exception
        return app

    return go


def _table(app: AppTest) -> pd.DataFrame:
    return app.dataframe(key="table").value


def _frame_with(app: AppTest, column: str) -> pd.DataFrame:
    """Find a frame by a column (tables without events have no key that a test can see)."""
    return next(each.value for each in app.dataframe if column in each.value)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(visit: Visit, page: str) -> None:
    assert visit(page).title[0].value


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_an_empty_store_and_says_what_to_do(
    visit: Visit, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leaderboard.shelf.SHIPPED", tmp_path / "nothing")
    app = visit(page, home=tmp_path)
    if page == "methods":
        assert "Numbers are listed here" in " ".join(each.value for each in app.caption)
    else:
        assert app.code[0].value == "make evaluate SUBMISSION=simclr"


def test_the_board_ranks_within_tracks_and_then_together(visit: Visit) -> None:
    app = visit()
    table = _table(app)
    labels = table[table["track"] == "Labels"]
    assert labels["submission"].tolist() == ["supcon", "supervised"]
    assert table[table["submission"] == "simclr"]["rank"].tolist() == ["1"]
    app.segmented_control(key="track").set_value("all").run()
    together = _table(app)
    assert together["submission"].tolist()[:3] == ["supcon", "simclr", "supervised"]
    ranked = [name for name, rank in zip(together["submission"], together["rank"], strict=True) if rank != "–"]
    assert ranked[-1] == "random_init"


def test_an_incomplete_evaluation_shows_its_reason_and_no_rank(visit: Visit) -> None:
    app = visit()
    (row,) = _table(app).query("submission == 'vicreg'").to_dict("records")
    assert (row["rank"], row["note"]) == ("–", "2 of 126 runs failed: submission, timeout")
    assert _frame_with(app, "Reason")["Reason"].tolist() == ["submission", "timeout"]


def test_a_bad_file_is_counted_and_named(visit: Visit) -> None:
    app = visit()
    assert any("1 file could not be used" in each.label for each in app.expander)
    assert any("bad.json" in each.value for each in app.text)


def test_the_board_can_be_ranked_by_another_number(visit: Visit) -> None:
    app = visit(track="all")
    app.selectbox(key="by").set_value("robustness/dense").run()
    assert _table(app)["submission"].tolist()[0] == "supervised"
    assert any("Dense accuracy" in each.value for each in app.caption)


def test_a_part_of_the_grid_can_be_ranked_alone(visit: Visit) -> None:
    app = visit(track="all")
    app.multiselect(key="schedules").set_value(["early"]).run()
    table = _table(app)
    assert "selection/score" in table
    values = table["selection/score"].dropna().tolist()
    assert values[:-1] == sorted(values[:-1], reverse=True)
    assert any("Score of the selection" in each.value for each in app.caption)


def test_hostile_names_stay_text_in_the_table(visit: Visit) -> None:
    names = set(_table(visit())["submission"])
    assert set(HOSTILE_NAMES) <= names


def test_another_specification_is_another_board(visit: Visit) -> None:
    app = visit()
    app.selectbox(key="spec").set_value("cifar10-mini-1.0 (qualification)").run()
    assert _table(app)["submission"].tolist() == ["simclr"]
    assert any("Qualification tier" in each.value for each in app.caption)


def test_curves_show_a_panel_per_schedule_and_then_per_submission(visit: Visit) -> None:
    app = visit("curves", submissions="simclr")
    panels = {"early", "late", "one-shot"}
    assert panels <= {each.value for each in app.text}
    app.segmented_control(key="view").set_value("submissions").run()
    assert not panels & {each.value for each in app.text}


def test_a_submission_shows_how_to_reproduce_it_and_why_it_failed(visit: Visit) -> None:
    app = visit("submission")
    app.selectbox(key="submission").set_value("vicreg").run()
    codes = [each.value for each in app.code]
    assert "make evaluate SUBMISSION=vicreg SPEC=digits" in codes
    assert "Traceback ...\nnan" in codes
    assert any("Not ranked" in each.value for each in app.warning)


def test_a_hostile_paper_is_no_link_and_a_web_address_is(visit: Visit) -> None:
    app = visit("submission")
    app.selectbox(key="submission").set_value(HOSTILE_NAMES[0]).run()
    assert not app.exception
    assert [each.url for each in app.link_button] == []
    app.selectbox(key="submission").set_value("simclr").run()
    assert [each.url for each in app.link_button] == ["https://arxiv.org/abs/2002.05709"]


def test_two_submissions_are_compared_on_the_same_examples(visit: Visit) -> None:
    app = visit("compare", first="supcon", second="supervised")
    assert any(each.value == "supcon is more robust than supervised." for each in app.text)
    overlaps = _frame_with(app, "Jaccard")
    assert len(overlaps) == 20
    assert overlaps["Jaccard"].dropna().between(0, 1).all()
    app.selectbox(key="second").set_value("supcon").run()
    assert any("two different" in each.value for each in app.info)


def test_comparing_without_outcomes_says_so(visit: Visit) -> None:
    app = visit("compare", first="supcon", second="random_init")
    assert any("Welch's t over models" in each.value for each in app.caption)
    assert any("outcomes of both are needed" in each.value for each in app.caption)


def test_methods_quotes_the_instruments_own_words(visit: Visit) -> None:
    app = visit("methods")
    assert any("Pruning Identified Exemplars" in each.value for each in app.text)
    assert "robustness/score" in _frame_with(app, "Key")["Key"].tolist()
