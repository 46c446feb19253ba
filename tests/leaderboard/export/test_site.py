"""The static site shows what the served board shows, lets anybody verify it, and replaces nothing but itself."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit
from xml.etree import ElementTree

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from benchmark.recording.archive import outcomes_path, signature_path
from benchmark.recording.signature import sign
from benchmark.recording.signing_keys import signing_key
from benchmark.recording.trust import load_trust
from benchmark.recording.verify import judge
from leaderboard.export.published_board import PUBLISHER
from leaderboard.export.site import NothingToShow, export
from tests.leaderboard.html_tables import PageReader, Shown, read_page, served_ranking
from tests.leaderboard.records import HOSTILE_NAMES, Knobs, evaluation, shelve

APP = Path(__file__).resolve().parents[3] / "leaderboard" / "app" / "main.py"


ARENAS = ["digits-1.0 (smoke)", "cifar10-mini-1.0 (qualification)"]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, PageReader]:
    return {p.relative_to(site).as_posix(): read_page(p.read_text()) for p in sorted(site.rglob("*.html"))}


def _served(store: Path, label: str, monkeypatch: pytest.MonkeyPatch) -> tuple[pd.DataFrame, AppTest]:
    monkeypatch.setenv("FMN_HOME", str(store))
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params.update({"spec": label})
    app.run()
    assert not app.exception
    return served_ranking(app), app


def _exported(pages: dict[str, PageReader], label: str) -> list[list[Shown]]:
    """Give the rows of all tracks of an arena, without headings."""
    tables = pages["index.html"].tables
    mine = [rows for name, rows in tables.items() if name.startswith(f"Ranking, {label}")]
    assert mine
    return [row for rows in mine for row in rows[1:]]


@pytest.mark.parametrize("label", ARENAS)
def test_the_exported_table_is_the_served_one_row_by_row(
    store: Path, pages: dict[str, PageReader], label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Places, tie groups, order, every number and every interval, as shown."""
    served, _ = _served(store, label, monkeypatch)
    rows = _exported(pages, label)
    assert len(served.columns) == 2 * 7  # records from before knowledge kept
    assert [[cell.text for cell in row] for row in rows] == served.iloc[:, :7].to_numpy().tolist()
    assert [[cell.below for cell in row] for row in rows] == served.iloc[:, 7:].to_numpy().tolist()


def test_the_larger_table_of_an_export_says_who_signed(pages: dict[str, PageReader]) -> None:
    rows = pages["index.html"].tables["More columns, digits-1.0 (smoke)"]
    signed = [cell.text for cell in rows[0]].index("Signed by")
    assert {row[signed].text for row in rows[1:]} == {PUBLISHER}


@pytest.mark.parametrize("label", ARENAS)
def test_the_exported_data_have_the_served_numbers_to_the_last_digit(
    store: Path, site: Path, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, app = _served(store, label, monkeypatch)
    document = json.loads((site / "data/ranking.json").read_text())
    (arena,) = (each for each in document["arenas"] if each["label"] == label)
    rows: list[dict[str, Any]] = [row for track in arena["tracks"].values() for row in track]
    assert [row["submission"] for row in rows] == served["Submission"].tolist()
    got = [row["numbers"].get("robustness/score", {}).get("value") for row in rows]
    assert ["–" if value is None else f"{value:.3f}" for value in got] == served.iloc[:, 2].tolist()
    assert [f"ties {row['ties']}" if row["ties"] else "" for row in rows] == served["Rank below"].tolist()
    texts = [f"{row['best']}" if row["best"] == row["worst"] else f"{row['best']}–{row['worst']}" for row in rows]
    assert [text if text != "None" else "–" for text in texts] == served["Rank"].tolist()
    said = next(each.value for each in app.caption if each.value.startswith("Ranked by"))
    assert arena["intervals_resample"] in said
    assert f"{arena['better']} is better" in said
    assert all((site / row["page"]).is_file() and (site / row["record"]).is_file() for row in rows)


def test_what_is_not_ranked_or_not_believed_is_named_with_its_reason(pages: dict[str, PageReader], site: Path) -> None:
    text = pages["index.html"].text
    assert "not ranked: 2 of 126 runs failed: submission, timeout" in text
    assert "1 record is not shown" in text
    ((_, why),) = pages["index.html"].tables["Records that are not shown"][1:]
    assert "no signature" in why.text
    failed = pages["index.html"].tables["Failed runs"][1:]
    assert [row[4].text for row in failed] == ["submission", "timeout"]
    (named,) = json.loads((site / "data/ranking.json").read_text())["rejected"]
    assert named["record"] == "bad.json"


def test_the_page_of_a_submission_has_every_number_of_every_cell(pages: dict[str, PageReader], site: Path) -> None:
    record = evaluation(Knobs("simclr", 0.971, 0.04))
    digits = json.loads((site / "data/ranking.json").read_text())["arenas"][0]["tracks"]["none"]
    page = pages[next(row["page"] for row in digits if row["submission"] == "simclr")]
    (cells,) = (rows for label, rows in page.tables.items() if label.startswith("Every number of every cell"))
    assert len(cells) - 1 == len(record.cells)
    accuracy = [cell.text for cell in cells[0]].index("Linear-probe accuracy (raw)\u00a0↑")
    for row, cell in zip(cells[1:], record.cells, strict=True):
        estimate = cell.metrics["linear/accuracy"]
        assert estimate.value is not None
        assert estimate.low is not None
        assert estimate.high is not None
        assert row[accuracy].text == f"{estimate.value:.4f}"
        assert row[accuracy].below == f"{estimate.low:.3f} – {estimate.high:.3f}"
    assert "make evaluate SUBMISSION=simclr SPEC=digits" in page.text
    assert '"temperature": 0.5' in page.text


def test_failures_are_shown_literally_with_their_log(pages: dict[str, PageReader]) -> None:
    page = pages[next(name for name in pages if name.startswith("submissions/vicreg"))]
    assert "loss is <b>nan</b>" in page.text
    assert "Traceback ...\nnan" in page.text


def test_every_page_runs_nothing_asks_nobody_and_shows_names_literally(pages: dict[str, PageReader]) -> None:
    allowed = {
        "a", "body", "code", "details", "div", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "head",
        "header", "html", "li", "line", "link", "main", "meta", "nav", "p", "path", "polygon", "polyline", "pre",
        "circle", "section", "small", "span", "strong", "style", "summary", "svg", "table", "tbody", "td", "text", "th",
        "thead", "title", "tr", "ul", "img",
    }  # fmt: skip
    for name, page in pages.items():
        assert {tag for tag, _ in page.tags} <= allowed, name
        attributes = {attribute for _, given in page.tags for attribute in given}
        assert not {each for each in attributes if each.startswith("on")}, name
        sources = [(tag, given["src"]) for tag, given in page.tags if "src" in given]
        assert all(tag == "img" and source.startswith("data:image/png;base64,") for tag, source in sources), name
        assert not attributes & {"srcset", "style", "action", "formaction", "srcdoc", "background", "ping"}, name
        (policy,) = (given["content"] for _, given in page.tags if given.get("http-equiv"))
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
    names = pages["index.html"].text
    assert all(hostile in names for hostile in HOSTILE_NAMES)


def test_every_link_leads_to_a_file_of_the_site_or_to_a_paper(pages: dict[str, PageReader], site: Path) -> None:
    for name, page in pages.items():
        for tag, given in page.tags:
            if (address := given.get("href")) is None:
                continue
            if tag == "link":
                assert address.startswith("data:image/svg+xml,")
                continue
            if urlsplit(address).scheme:
                assert address == "https://arxiv.org/abs/2002.05709"
                continue
            file, anchor = urldefrag(address)
            target = (site / name).parent / file if file else site / name
            assert target.is_file(), address
            if anchor:
                ids = {g.get("id") for _, g in pages[target.resolve().relative_to(site).as_posix()].tags}
                assert anchor in ids


def test_figures_are_files_too_with_the_points_that_they_draw(site: Path) -> None:
    drawn = sorted(path.name for path in (site / "figures").glob("digits-1.0-smoke-1-*.svg"))
    assert len(drawn) == 3
    for name in drawn:
        root = ElementTree.parse(site / "figures" / name).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.findall("{http://www.w3.org/2000/svg}polyline")
    points = list(csv.DictReader((site / "figures/digits-1.0-smoke-1.csv").read_text().splitlines()))
    assert {point["panel"] for point in points} == {"early", "late", "one-shot"}
    assert all(not point["name"].startswith("=") for point in points)
    assert all(0 <= float(point["value"]) <= 1 for point in points)


def test_nothing_on_the_site_says_where_it_was_made(site: Path, store: Path) -> None:
    for path in site.rglob("*"):
        if path.suffix in (".html", ".json", ".csv", ".bib", ".yaml"):
            assert str(store.parent) not in path.read_text(), path


def test_a_visitor_can_verify_the_records_with_the_keys_beside_them(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_CONFIG", str(tmp_path / "somebody else"))
    trust = load_trust(site / "data/trusted_keys.yaml")
    assert not trust.problems
    records = sorted((site / "records").rglob("*.json"))
    verdicts = {path: judge(path, trust) for path in records}
    assert len(records) == 12
    whole = {path for path in records if outcomes_path(path).exists()}
    assert len(whole) == 4
    assert all(verdicts[path].problem == "" for path in whole)
    assert all("is missing" in verdicts[path].problem for path in set(records) - whole)
    changed = next(iter(whole))
    copy = tmp_path / changed.name
    copy.write_bytes(changed.read_bytes().replace(b'"none"', b'"docker"', 1))
    signature_path(copy).write_bytes(signature_path(changed).read_bytes())
    assert judge(copy, trust).problem == "the record was changed after signing"


def test_a_missing_file_is_said_on_the_page(pages: dict[str, PageReader]) -> None:
    pages_of = {name: page for name, page in pages.items() if name.startswith("submissions/")}
    said = {name.split("/")[1].split("-")[0] for name, page in pages_of.items() if "Not here as signed" in page.text}
    assert "random_init" in said
    assert "supcon" not in said


def test_the_same_records_give_the_same_bytes(
    site: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_HOME", str(store))
    again = export(tmp_path / "again", load_trust()).folder
    files = sorted(path.relative_to(site) for path in site.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((site / file).read_bytes() == (again / file).read_bytes() for file in files)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one record."""
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "home"))
    shelve(tmp_path / "home", evaluation(Knobs(models=2)))
    return tmp_path / "home"


def test_no_page_says_where_pictures_lay_on_the_signers_machine_and_the_signed_record_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records from before pictures were named by content hold an absolute path of their host."""
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "home"))
    dataset = {"name": "image_folder", "path": "/srv/ada/scans", "size": 16}
    shelve(tmp_path / "home", evaluation(Knobs(models=2, spec_changes={"tasks": [{"dataset": dataset}]})))
    out = export(tmp_path / "site", load_trust()).folder
    (page,) = (out / "submissions").glob("*.html")
    assert "pictures on the signer&#39;s machine" in page.read_text()
    texts = [path for path in out.rglob("*") if path.suffix in (".html", ".csv", ".bib", ".yaml", ".json")]
    signed = [path for path in texts if "/srv/ada" in path.read_text()]
    assert signed == list((out / "records").rglob("*.json"))
    assert "is missing" in judge(signed[0], load_trust()).problem  # its outcomes; what is signed is unchanged


def test_without_a_record_there_is_no_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "nothing"))
    with pytest.raises(NothingToShow, match="fmn evaluate simclr"):
        export(tmp_path / "site", load_trust())
    assert not (tmp_path / "site").exists()


def test_a_text_that_is_no_unicode_does_not_stop_the_export(small: Path, tmp_path: Path) -> None:
    path = small / "records" / "digits-1.0" / "0000.json"
    content = path.read_bytes().replace(b'"temperature":0.5', b'"temperature":"\\ud800<script>\\u202e"')
    assert b"ud800" in content
    attachments = evaluation(Knobs(models=2)).attachments
    path.write_bytes(content)
    signature_path(path).write_bytes(sign(content, attachments, "none", signing_key("unisolated")))
    out = export(tmp_path / "site", load_trust()).folder
    (page,) = (out / "submissions").glob("*.html")
    assert "?&lt;script&gt;" in page.read_text()
    assert "\u202e" not in page.read_text()
