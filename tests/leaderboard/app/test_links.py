"""A link shows what it names, or says in words why it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from streamlit.testing.v1 import AppTest

from benchmark.recording.signing_keys import SigningKey
from tests.leaderboard.html_tables import served_ranking
from tests.leaderboard.records import Knobs, evaluation, shelve, write_signed
from tests.leaderboard.visits import Visit, visit_page

DIGITS, CIFAR = "digits-1.0 (smoke)", "cifar10-mini-1.0 (qualification)"
OWN, OTHER = "simclr (this machine)", "simclr (another lab)"
BOTH = f"More than one submission is called “simclr”: this is {OWN}; the other one is {OTHER}."


@pytest.fixture
def visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Visit:
    """A store with one's own simclr and a better method, beside a newer, shipped simclr that another lab signed."""
    results, home, trusted = tmp_path / "results", tmp_path / "home", tmp_path / "trusted_keys.yaml"
    monkeypatch.setenv("FMN_RESULTS", str(results))
    monkeypatch.setenv("FMN_HOME", str(home))
    monkeypatch.setenv("FMN_TRUSTED_KEYS", str(trusted))
    shelve(home, evaluation(Knobs("simclr", 0.9)), evaluation(Knobs("best", 0.99, 0.01)),
           evaluation(Knobs("alone", identity="cifar10-mini-1.0", tier="qualification",
                            created="2026-11-27T12:00:00Z")))  # fmt: skip
    theirs, key = evaluation(Knobs("simclr", 0.95, created="2026-11-28T12:00:00Z")), Ed25519PrivateKey.generate()
    (path,) = shelve(results, theirs)
    write_signed(path, theirs, SigningKey("unisolated", key))
    public = SigningKey("unisolated", key).public.text
    trusted.write_text(f'keys:\n  - {{name: another lab, key: "{public}", signs: [unisolated]}}\n')

    def go(page: str = "ranking", **query: str | list[str]) -> AppTest:
        return visit_page(page, **({"spec": DIGITS} | query))

    return go


def _said(app: AppTest) -> list[str]:
    return [each.value.replace("\\", "").replace("\u2060", "") for each in app.info]


def _submission(app: AppTest) -> str:
    box = app.selectbox(key="submission")
    return box.value or box.proto.placeholder


@pytest.mark.parametrize("page", ["submission", "examples"])
def test_a_name_that_two_signers_use_shows_ones_own_and_names_the_other(visit: Visit, page: str) -> None:
    """It showed the most robust method, and said nothing."""
    app = visit(page, submission="simclr")
    assert _submission(app) == OWN
    assert BOTH in _said(app)


def test_a_full_name_shows_what_it_names_and_nothing_is_said(visit: Visit) -> None:
    app = visit("submission", submission=OTHER)
    assert _submission(app) == OTHER
    assert not any("More than one" in each or "not here" in each for each in _said(app))


def test_a_name_with_its_signer_is_found_where_only_one_signer_uses_it(visit: Visit) -> None:
    app = visit("submission", submission="best (this machine)")
    assert _submission(app) == "best"
    assert not any("not here" in each for each in _said(app))


def test_an_unknown_name_is_said_to_be_unknown(visit: Visit) -> None:
    app = visit("submission", submission="<b>byol</b>")
    assert _submission(app) == "best"
    assert "The address names the submission “<b>byol</b>”, which is not here. Shown instead: best." in _said(app)
    app.selectbox(key="submission").set_value(OWN).run()
    assert not any("not here" in each for each in _said(app))


def test_a_link_to_a_pair_shows_both_or_says_why_not(visit: Visit) -> None:
    app = visit("compare", first="best", second="simclr")
    assert (app.selectbox(key="first").value, app.selectbox(key="second").value) == ("best", OWN)
    assert BOTH in _said(app)
    app = visit("compare", first="gone", second=OTHER)
    assert (app.selectbox(key="first").value, app.selectbox(key="second").value) == ("best", OTHER)
    assert "The address names the submission “gone”, which is not here. Shown instead: best." in _said(app)


def test_a_link_to_the_second_best_alone_compares_it_with_the_best(visit: Visit) -> None:
    """Both boxes showed the same method, and the page asked for two."""
    app = visit("compare", first=OTHER)
    assert (app.selectbox(key="first").value, app.selectbox(key="second").value) == (OTHER, "best")


def test_picks_and_curves_find_names_and_name_those_that_are_gone(visit: Visit) -> None:
    app = visit(pick=["simclr", "gone"])
    assert any(each.value == f"Picked: {OWN}" for each in app.text)
    said = "The address names the picked submission “gone”, which is not here."
    assert said in _said(app)
    assert any("More than one picked submission is called “simclr”" in each for each in _said(app))
    assert app.query_params["pick"] == ["simclr", "gone"]
    app = visit("curves", submissions=["simclr", "gone"])
    assert app.multiselect(key="submissions").value == [OWN]
    assert BOTH in _said(app)
    assert "The address names the submission “gone”, which is not here." in _said(app)


@pytest.mark.parametrize("page", ["ranking", "claims"])
def test_an_unknown_board_and_track_are_named(visit: Visit, page: str) -> None:
    app = visit(page, spec="cifar10-9.9", track="unsupervised")
    assert app.selectbox(key="spec").value == DIGITS
    assert f"The address names the board “cifar10-9.9”, which is not here. Shown instead: {DIGITS}." in _said(app)
    unknown = "The address names the supervision track “unsupervised”, which is not here. Shown instead: Each track."
    assert unknown in _said(app)


def test_an_unknown_board_is_named_on_a_page_that_stops_early(visit: Visit) -> None:
    stopped = visit(track="labels", spec="cifar10-9.9")
    assert any("No submission in this track" in each.value for each in stopped.info)
    assert any("cifar10-9.9" in each for each in _said(stopped))


def test_the_first_page_leads_to_ones_newest_evaluation_on_another_board(visit: Visit) -> None:
    """A board that comes first may be one that others have evaluated on."""
    [link] = (each for each in visit().get("page_link") if "newest" in each.proto.label)
    assert "alone" in link.proto.label
    assert link.proto.query_string == "spec=cifar10-mini-1.0+%28qualification%29&submission=alone"
    app = visit(spec=CIFAR)
    assert not [each for each in app.get("page_link") if "newest" in each.proto.label]
    assert served_ranking(app)["Submission"].tolist() == ["alone"]


def test_the_board_and_the_track_of_a_link_stay_from_page_to_page(visit: Visit) -> None:
    """Every second page showed the first board, and no track as chosen, below an address that named another one."""
    app = visit(spec=CIFAR, track="none")
    for page in ("claims", "curves", "submission", "ranking"):
        app.switch_page(f"views/{page}.py").run()
        assert app.selectbox(key="spec").value == CIFAR, page
        assert app.segmented_control(key="track").value == "none", page
    app = visit("claims", spec=CIFAR, track="labels")
    assert any("No submission in this track" in each.value for each in app.info)
