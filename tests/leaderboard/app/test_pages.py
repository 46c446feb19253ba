"""Every page runs on a store with broken, hostile and incomplete records; widgets do what they say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from streamlit.testing.v1 import AppTest

from benchmark.recording.archive import outcomes_path, signature_path
from benchmark.recording.signing_keys import SigningKey
from tests.leaderboard.html_tables import served_ranking
from tests.leaderboard.records import HOSTILE_NAMES, Knobs, add_outcomes, evaluation, shelve, write_signed
from tests.leaderboard.visits import Visit, visit_page

APP = Path(__file__).resolve().parents[3] / "leaderboard" / "app" / "main.py"
PAGES = ["ranking", "curves", "submission", "examples", "compare", "claims", "methods"]


@pytest.fixture
def visit(store: Path, monkeypatch: pytest.MonkeyPatch) -> Visit:
    def go(page: str = "ranking", home: Path = store, **query: str) -> AppTest:
        monkeypatch.setenv("FMN_HOME", str(home))
        return visit_page(page, **({"spec": "digits-1.0 (smoke)"} | query if home == store else query))

    return go


def _table(app: AppTest) -> pd.DataFrame:
    return served_ranking(app)


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
    app = visit(page, home=tmp_path)
    if page == "methods":
        assert "Numbers are listed here" in " ".join(each.value for each in app.caption)
    else:
        assert app.code[0].value == "make evaluate SUBMISSION=simclr"


def test_a_link_may_name_a_board_by_its_specification_alone(visit: Visit) -> None:
    app = visit(spec="cifar10-mini-1.0")
    assert app.selectbox(key="spec").value == "cifar10-mini-1.0 (qualification)"


def test_the_board_ranks_within_tracks_and_then_together(visit: Visit) -> None:
    app = visit()
    table = _table(app)
    assert table["Submission"].tolist()[:3] == ["supcon", "supervised", "simclr"]
    assert table[table["Submission"] == "simclr"]["Rank"].tolist() == ["1"]  # without areas, the tests know models only
    assert "Track" not in table
    app.segmented_control(key="track").set_value("all").run()
    together = _table(app)
    assert together["Track"].tolist()[:3] == ["Labels", "No labels", "Labels"]
    assert together["Submission"].tolist()[:3] == ["supcon", "simclr", "supervised"]
    ranked = [name for name, rank in zip(together["Submission"], together["Rank"], strict=True) if rank != "–"]
    assert ranked[-1] == "random_init"


def test_an_incomplete_evaluation_shows_its_reason_and_no_rank(visit: Visit) -> None:
    app = visit()
    (row,) = _table(app).query("Submission == 'vicreg'").to_dict("records")
    assert (row["Rank"], row["Submission below"]) == ("–", "not ranked: 2 of 126 runs failed: submission, timeout")
    assert _frame_with(app, "Reason")["Reason"].tolist() == ["submission", "timeout"]


def test_a_bad_file_is_counted_and_named(visit: Visit) -> None:
    app = visit()
    assert any("1 record is not shown" in each.label for each in app.expander)
    (line,) = _frame_with(app, "Why").to_dict("records")
    assert line["Record"] == "digits-1.0/bad.json"
    assert "no signature" in line["Why"]


def test_only_signed_records_are_shown_and_every_bad_one_is_named_with_its_reason(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, edited, unsigned, stranger = shelve(
        tmp_path, *(evaluation(Knobs(name)) for name in ("good", "edited", "unsigned", "stranger"))
    )
    edited.write_text(edited.read_text().replace("0.97", "0.99"))
    signature_path(unsigned).unlink()
    write_signed(stranger, evaluation(Knobs("stranger")), SigningKey("unisolated", Ed25519PrivateKey.generate()))
    app = visit(home=tmp_path, columns="signed")
    table = _table(app)
    assert table["Submission"].tolist() == ["good"]
    assert table["Signed by"].tolist() == ["this machine"]
    assert any("3 records are not shown" in each.label for each in app.expander)
    why = {line["Record"].split("/")[1]: line["Why"] for line in _frame_with(app, "Why").to_dict("records")}
    assert why[edited.name] == "the record was changed after signing"
    assert "no signature" in why[unsigned.name]
    assert "not trusted here" in why[stranger.name]
    assert "make evaluate SUBMISSION=simclr" in [each.value for each in app.code]


def test_a_record_edited_while_the_board_is_open_disappears_and_comes_back(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = shelve(tmp_path, evaluation(Knobs("first")), evaluation(Knobs("second")))
    app = visit(home=tmp_path)
    assert len(_table(app)) == 2
    signature = signature_path(first).read_bytes()
    signature_path(first).unlink()
    assert _table(app.run())["Submission"].tolist() == ["second"]
    signature_path(first).write_bytes(signature)
    assert len(_table(app.run())) == 2


def test_a_key_that_is_no_longer_trusted_takes_its_records_along(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, trusted = SigningKey("unisolated", Ed25519PrivateKey.generate()), tmp_path / "trusted_keys.yaml"
    entry = f"{{name: '<b>Lab</b>', key: '{key.public.text}', signs: [unisolated]}}"
    trusted.write_text(f"keys: [{entry}]")
    monkeypatch.setenv("FMN_TRUSTED_KEYS", str(trusted))
    (path,) = shelve(tmp_path, evaluation(Knobs("theirs")))
    write_signed(path, evaluation(Knobs("theirs")), key)
    app = visit(home=tmp_path, columns="signed")
    assert _table(app)["Signed by"].tolist() == ["<b>Lab</b>"]
    shown = visit("submission", home=tmp_path)
    assert any(f"Signed by   <b>Lab</b>, key {key.public.id}" in each.value for each in shown.text)
    trusted.write_text("keys: []")
    app.run()
    assert any("none that this board may show" in each.value for each in app.info)
    trusted.write_text("keyz: [")
    app.run()
    assert not app.exception
    assert any("Some keys could not be read" in each.value for each in app.warning)


def test_the_board_can_be_ranked_by_another_number(visit: Visit) -> None:
    app = visit(track="all")
    app.selectbox(key="by").set_value("robustness/dense").run()
    assert _table(app)["Submission"].tolist()[0] == "supervised"
    assert any("Dense accuracy" in each.value for each in app.caption)


def test_a_part_of_the_grid_can_be_ranked_alone(visit: Visit) -> None:
    app = visit(track="all")
    app.multiselect(key="schedules").set_value(["early"]).run()
    table = _table(app)
    values = [float(text) for text in table["Score of the selection"] if text != "–"]
    assert values[:-1] == sorted(values[:-1], reverse=True)
    assert any("Score of the selection" in each.value for each in app.caption)


def test_hostile_names_stay_text_in_the_table(visit: Visit) -> None:
    names = set(_table(visit())["Submission"])
    assert set(HOSTILE_NAMES) <= names


def test_another_specification_is_another_board(visit: Visit) -> None:
    app = visit()
    app.selectbox(key="spec").set_value("cifar10-mini-1.0 (qualification)").run()
    assert _table(app)["Submission"].tolist() == ["simclr"]
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
    [commands] = [code for code in codes if code.startswith("make reproduce")]
    repeat, evaluate = commands.splitlines()
    assert repeat.endswith(".json")
    assert evaluate == "make evaluate SUBMISSION=vicreg SPEC=digits"
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
    assert any(each.value.startswith("supcon is ahead of supervised for this pair alone;") for each in app.text)
    overlaps = _frame_with(app, "Jaccard")
    assert len(overlaps) == 20
    assert overlaps["Jaccard"].dropna().between(0, 1).all()
    app.selectbox(key="second").set_value("supcon").run()
    assert any("two different" in each.value for each in app.info)


def test_what_was_not_measured_is_said_so_in_the_tables_of_compare(visit: Visit) -> None:
    """They said "None", which is how Streamlit spells a missing number."""
    app = visit("compare", first="supcon", second="supervised")
    (readings,) = (each for each in app.dataframe if "reading" in each.value)
    (overlaps,) = (each for each in app.dataframe if "Jaccard" in each.value)
    assert readings.value.isna().any(axis=None)
    assert readings.proto.placeholder == "not measured"
    assert overlaps.proto.placeholder == "neither has any"


def test_a_page_does_not_show_where_pictures_lay_on_the_signers_machine(visit: Visit, tmp_path: Path) -> None:
    """Records from before pictures were named by content hold an absolute path of their host."""
    dataset = {"name": "image_folder", "path": "/srv/ada/scans", "size": 16}
    shelve(tmp_path, evaluation(Knobs(models=2, spec_changes={"tasks": [{"dataset": dataset}]})))
    codes = [each.value for each in visit("submission", home=tmp_path, submission="simclr").code]
    assert any("pictures on the signer's machine" in code for code in codes)
    assert not any("/srv/ada" in code for code in codes)


def test_comparing_without_outcomes_says_so(visit: Visit) -> None:
    app = visit("compare", first="supcon", second="random_init")
    assert any("about models only" in each.value for each in app.caption)
    assert any("outcomes of both are needed" in each.value for each in app.caption)


def test_methods_quotes_the_metrics_own_words(visit: Visit) -> None:
    app = visit("methods")
    assert any("Pruning Identified Exemplars" in each.value for each in app.text)
    assert "robustness/score" in _frame_with(app, "Key")["Key"].tolist()


def test_forgotten_images_can_be_opened_one_by_one(visit: Visit) -> None:
    app = visit("examples", submission="simclr")
    assert any("simclr forgets " in each.value for each in app.text)
    assert not app.info
    second = app.selectbox(key="example").options[1]
    app.query_params["example"] = second
    app.run()
    assert not app.exception
    assert app.selectbox(key="example").value == int(second)
    assert any("other submissions" in each.value for each in app.text)
    everything = len(app.selectbox(key="example").options)
    label = app.selectbox(key="class").options[1]
    app.selectbox(key="class").set_value(label).run()
    assert 0 < len(app.selectbox(key="example").options) < everything
    assert any(f"True class {label}." in each.value for each in app.text)


def test_examples_without_outcomes_or_images_say_so(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any("per-example outcomes" in each.value for each in visit("examples", submission="random_init").info)
    made = evaluation(Knobs())
    (path,) = shelve(tmp_path, made)
    add_outcomes(path, made)
    app = visit("examples", home=tmp_path)
    assert any("images themselves are not here" in each.value for each in app.info)
    assert app.selectbox(key="example").options


@pytest.mark.parametrize("page", ["examples", "submission", "compare"])
def test_a_page_names_a_file_that_was_changed_after_signing(visit: Visit, page: str, tmp_path: Path) -> None:
    made = [evaluation(Knobs("a")), evaluation(Knobs("b"))]
    paths = shelve(tmp_path, *made)
    for path, record in zip(paths, made, strict=True):
        add_outcomes(path, record)
    shown = visit(page, home=tmp_path, submission="a")
    assert not [each for each in shown.warning if "changed after signing" in each.value]
    for path in paths:
        path.rename(path.with_stem(f"x{path.stem}"))
        signature_path(path).rename(signature_path(path).with_stem(f"x{path.stem}"))
        outcomes_path(path).with_stem(f"x{path.stem}").write_bytes(b"another file")
    named = [each.value for each in visit(page, home=tmp_path, submission="a").warning]
    assert any("x0000" in each and "changed after signing" in each for each in named), named


def test_shipped_records_are_shown_unless_the_same_evaluation_is_at_home(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, home = tmp_path / "results", tmp_path / "home"
    monkeypatch.setenv("FMN_RESULTS", str(results))
    shelve(results, evaluation(Knobs("both")), evaluation(Knobs("shipped")))
    shelve(home, evaluation(Knobs("both")))
    table = _table(visit(home=home, columns="isolation"))
    assert dict(zip(table["Submission"], table["Isolation"], strict=True)) == {
        "both": "none", "shipped": "none, shipped"
    }  # fmt: skip
