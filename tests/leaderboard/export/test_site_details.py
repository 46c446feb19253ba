"""Comparisons, forgotten images and maps on the static site are those of the served board."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from streamlit.testing.v1 import AppTest

from benchmark.recording.trust import load_trust
from leaderboard.export.comparison_page import MAX_COMPARED
from leaderboard.export.examples_page import MAX_PICTURES
from leaderboard.export.site import export
from leaderboard.text.example_words import NO_OUTCOMES
from tests.leaderboard.html_tables import PageReader, read_page
from tests.leaderboard.records import Knobs, add_outcomes, evaluation, shelve

APP = Path(__file__).resolve().parents[3] / "leaderboard" / "app" / "main.py"


def _page(site: Path, pattern: str) -> PageReader:
    (path,) = site.glob(pattern)
    return read_page(path.read_text())


def _served(store: Path, page: str, monkeypatch: pytest.MonkeyPatch, **query: str) -> AppTest:
    monkeypatch.setenv("FMN_HOME", str(store))
    app = AppTest.from_file(str(APP), default_timeout=600)
    app.query_params.update({"spec": "digits-1.0 (smoke)"} | query)
    app.run()
    app.switch_page(f"views/{page}.py").run()
    assert not app.exception
    return app


def test_an_exported_pair_says_what_the_served_comparison_says(
    store: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdict, evidence, readings and common PIEs, number by number."""
    app = _served(store, "compare", monkeypatch, first="supcon", second="supervised")
    page = _page(site, "compare/digits-1.0-smoke/supcon-*--supervised-*.html")
    said = [each.value for each in app.text if not each.value.startswith(("early", "late", "one-shot"))]
    assert "supcon is ahead of supervised for this pair alone; the board does not separate them." in said
    assert [text for text in said if text not in page.text] == []
    assert app.metric[0].value in page.text
    readings, overlaps = sorted((each.value for each in app.dataframe), key=len)
    shown = [[cell.text for cell in row] for row in page.tables["Readings of both"][1:]]
    assert [row[0] for row in shown] == readings["reading"].tolist()
    assert [row[3] for row in shown] == readings["ahead"].tolist()
    common = [[cell.text for cell in row] for row in page.tables["Common PIEs"][1:]]
    assert [row[4] for row in common] == [str(each) for each in overlaps["Common"]]
    assert [row[6] for row in common if row[6] != "neither has any"] == [
        f"{each:.3f}" for each in overlaps["By chance"].dropna()
    ]


def test_every_pair_of_a_small_board_has_a_page_and_the_table_leads_to_both_orders(site: Path) -> None:
    page = read_page((site / "compare/digits-1.0-smoke.html").read_text())
    heads, *rows = page.tables["Every pair, digits-1.0 (smoke)"]
    names = [cell.text for cell in heads[1:]]
    assert len(names) == 11
    assert len(list((site / "compare/digits-1.0-smoke").glob("*.html"))) == 11 * 10 // 2
    texts = [[cell.text for cell in row[1:]] for row in rows]
    supcon, supervised = names.index("supcon"), names.index("supervised")
    assert texts[supcon][supervised].startswith("+")
    assert texts[supervised][supcon] == texts[supcon][supervised].replace("+", "-")
    assert {cell.below for cell in rows[names.index("vicreg")][1:]} == {"", "a run is missing"}
    assert not (site / "compare/cifar10-mini-1.0-qualification.html").exists()  # it has one method


def test_of_a_large_board_the_best_are_compared_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A board of 500 methods has 124,750 pairs."""
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "home"))
    many = MAX_COMPARED + 2
    made = (evaluation(Knobs(f"m{n:02d}", 0.8 + n / 100, models=2, sparsities=(0.5, 0.9))) for n in range(many))
    shelve(tmp_path / "home", *made)
    out = export(tmp_path / "site", load_trust()).folder
    assert len(list((out / "compare/digits-1.0-smoke").glob("*.html"))) == MAX_COMPARED * (MAX_COMPARED - 1) // 2
    page = read_page((out / "compare/digits-1.0-smoke.html").read_text())
    assert f"The best {MAX_COMPARED} of {many} by robustness score" in page.text
    assert [cell.text for cell in page.tables["Every pair, digits-1.0 (smoke)"][0]][1] == f"m{many - 1:02d}"


def test_exported_pictures_are_the_served_ones_in_the_same_order(
    store: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = _served(store, "examples", monkeypatch, submission="simclr")
    (grid,) = (each for each in app.get("bidi_component") if "gallery" in each.proto.component_name)
    served = re.findall(r'title="([^"]*)".*?<img src="([^"]*)"', json.loads(grid.proto.json), re.DOTALL)
    page = (next(site.glob("examples/simclr-*.html"))).read_text()
    first = page[page.index('<ul class="gallery"') : page.index("</ul>", page.index('<ul class="gallery"'))]
    exported = re.findall(r'title="([^"]*)".*?<img src="([^"]*)"', first, re.DOTALL)
    assert exported
    assert exported == served[:MAX_PICTURES]
    assert next(each.value for each in app.text if "forgets" in each.value) in read_page(page).text


def test_every_figure_is_a_file_too(site: Path) -> None:
    """The interval plot, the curves of a submission and those of a pair had none."""
    root = ElementTree.parse(site / "figures/digits-1.0-smoke-intervals.svg").getroot()
    names = [each.text for each in root.findall("{http://www.w3.org/2000/svg}text")]
    assert len(names) == 11
    assert "supcon" in names
    for pattern in ("submissions/supcon-*", "compare/digits-1.0-smoke/supcon-*--supervised-*", "examples/supcon-*"):
        assert list((site / "figures").glob(f"{pattern}-1-1.svg")), pattern
        assert list((site / "figures").glob(f"{pattern}-1.csv")), pattern
    assert {each.suffix for each in (site / "figures/report").iterdir()} == {".svg", ".csv"}


def test_maps_are_drawn_and_download_with_their_points(site: Path) -> None:
    page = next(site.glob("examples/simclr-*.html"))
    assert page.read_text().count("<h2>Map: ") == 3
    stem = f"figures/examples/{page.stem}-1"
    for side in (1, 2):
        root = ElementTree.parse(site / f"{stem}-{side}.svg").getroot()
        dots = [each.get("d", "") for each in root.iter("{http://www.w3.org/2000/svg}path")]
        assert sum(each.count("h0") for each in dots) == 120
    points = list(csv.DictReader((site / f"{stem}.csv").read_text().splitlines()))
    assert len(points) == 2 * 120
    assert {each["side"] for each in points} == {"dense", "pruned"}


def test_what_is_not_at_hand_is_said_on_the_site(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (page,) = site.glob("submissions/random_init-*.html")
    assert NO_OUTCOMES in read_page(page.read_text()).text
    assert not list(site.glob("examples/random_init-*.html"))
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "home"))
    made = evaluation(Knobs())
    (path,) = shelve(tmp_path / "home", made)
    add_outcomes(path, made)
    out = export(tmp_path / "site", load_trust()).folder
    text = next(out.glob("examples/*.html")).read_text()
    assert "The pictures themselves are not on this site" in text
    assert "<img" not in text
    assert '<ul class="gallery"' in text
