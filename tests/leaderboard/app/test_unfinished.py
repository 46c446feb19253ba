"""Evaluations without a record are seen, unranked, for what they are; their names stay text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from benchmark.recording.status import EvaluationStatus, Unfinished
from leaderboard.app.unfinished import INTERRUPTED, progress
from tests.leaderboard.html_tables import served_ranking
from tests.leaderboard.records import HOSTILE_NAMES, Knobs, evaluation, shelve
from tests.leaderboard.visits import Visit, visit_page
from tests.store.test_unfinished import FACTS, at_work, keep


@pytest.fixture
def visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Visit:
    def go(page: str = "ranking", **query: str) -> AppTest:
        monkeypatch.setenv("FMN_HOME", str(tmp_path))
        return visit_page(page, **query)

    return go


def lines(app: AppTest) -> list[str]:
    return [each.value for each in app.text if "updates" in each.value]


def headings(app: AppTest) -> list[str]:
    return [each.value for each in app.subheader]


@pytest.mark.parametrize("hostile", HOSTILE_NAMES)
def test_a_running_and_an_interrupted_evaluation_are_shown_unranked_with_their_names_as_text(
    visit: Visit, tmp_path: Path, hostile: str
) -> None:
    shelve(tmp_path, evaluation(Knobs("simclr")))
    keep(tmp_path, submission=hostile, spec_identity="[x](javascript:1)", heard=time.time() - 2000, runs=7)
    with at_work(tmp_path, keep(tmp_path, submission="supcon", heard=time.time())):
        app = visit()
        assert "In progress" in headings(app)
        running, interrupted = lines(app)
        assert running.startswith("training: 30 of 126 runs trained, 1,200 of 9,000 updates; about 5 min of training")
        assert "then about 60 s of scoring" in running
        assert interrupted.startswith("interrupted; run the same command again to continue")
        assert "7 of 126 runs" in interrupted
        assert "last heard of 33 min ago" in interrupted
        shown = [each.value for each in app.text]
        assert "supcon on digits-1.0" in shown
        assert f"{hostile} on [x](javascript:1)" in shown
        elsewhere = [each.value for each in (*app.markdown, *app.caption, *app.subheader, *app.title)]
        assert not any(hostile in text for text in elsewhere)
        assert served_ranking(app)["Submission"].tolist() == ["simclr"]


def test_without_anything_in_progress_nothing_is_said(visit: Visit, tmp_path: Path) -> None:
    shelve(tmp_path, evaluation(Knobs("simclr")))
    (tmp_path / "status").mkdir()
    (tmp_path / "status" / f"{'0' * 16}.json").write_text("{")
    assert "In progress" not in headings(visit())


def test_a_first_evaluation_is_seen_before_there_is_any_record(visit: Visit, tmp_path: Path) -> None:
    with at_work(tmp_path, keep(tmp_path, heard=time.time())):
        app = visit()
        assert app.code[0].value == "make evaluate SUBMISSION=simclr"
        assert any("No records yet" in each.value for each in app.info)
        assert not app.expander  # its status is no record that somebody failed to sign
        assert "In progress" in headings(app)
        assert len(lines(app)) == 1


def test_the_part_goes_away_when_the_record_has_come(visit: Visit, tmp_path: Path) -> None:
    shelve(tmp_path, evaluation(Knobs("simclr")))
    keep(tmp_path)
    app = visit()
    assert "In progress" in headings(app)
    for path in (tmp_path / "status").iterdir():
        path.unlink()
    assert "In progress" not in headings(app.run())


def test_a_submission_page_mentions_its_own_evaluation_and_no_other(visit: Visit, tmp_path: Path) -> None:
    hostile = HOSTILE_NAMES[1]
    shelve(tmp_path, evaluation(Knobs(hostile)), evaluation(Knobs("supcon")))
    keep(tmp_path, submission=hostile)
    app = visit("submission")
    app.selectbox(key="submission").set_value(hostile).run()
    (said,) = [each.value for each in app.caption if "Without a record yet on" in each.value.replace("\\", "")]
    assert "interrupted" in said
    app.selectbox(key="submission").set_value("supcon").run()
    assert not [each.value for each in app.caption if "Without a record yet on" in each.value.replace("\\", "")]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"left_s": None}, "time left not known yet"),
        ({"scoring_s": None}, "about 5 min of training left; last heard"),
        ({"stage": "scoring", "scoring_s": None, "left_s": 40.0}, "scoring: 30 of 126 runs trained, 1,200"),
        ({"stage": "scoring", "left_s": 0.0}, "longer than usual"),
        ({"stage": "scoring", "left_s": None}, "time left not known;"),
        ({"heard": 2e9}, "last heard of 1 s ago"),
        ({"heard": 0.0, "updates": 2**53, "left_s": 2.0**53}, "days of training left"),
    ],
)
def test_the_words_fit_what_is_known(changes: dict[str, object], says: str) -> None:
    status = EvaluationStatus.model_validate({**FACTS, **changes})
    assert says in progress(Unfinished(status, is_running=True), FACTS["heard"] + 1)
    assert progress(Unfinished(status, is_running=False), FACTS["heard"]).startswith(INTERRUPTED)
    assert progress(Unfinished(status, is_running=None), FACTS["heard"]).startswith("not known whether it still runs")
