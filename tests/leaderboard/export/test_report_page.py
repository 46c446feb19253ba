"""`docs/report.md` is what the command writes from the records that ship, and every number in it links to a record."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markupsafe import Markup

from benchmark.recording.record_files import record_paths
from benchmark.recording.trust import load_trust
from leaderboard.export.report_figures import Drawn, figures, standalone
from leaderboard.export.report_page import page_parts, report_blocks, write_report
from leaderboard.figures.charts import Line
from leaderboard.reading.board_loader import BoardSnapshot, read_board
from leaderboard.reading.record_store import SHIPPED
from leaderboard.report.blocks import Block, Figure, Table

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "report.md"


@pytest.fixture(scope="module")
def shipped() -> BoardSnapshot:
    return read_board([SHIPPED], load_trust())


@pytest.fixture(scope="module")
def blocks(shipped: BoardSnapshot) -> list[Block]:
    return report_blocks(shipped)


def test_the_page_and_its_figures_are_what_make_report_writes(
    shipped: BoardSnapshot, blocks: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known(_: BoardSnapshot) -> list[Block]:
        return blocks

    monkeypatch.setattr("leaderboard.export.report_page.report_blocks", known)
    written = list(write_report(shipped, tmp_path / "docs" / "report.md"))
    assert {path.name for path in written} == {PAGE.name, *(path.name for path in PAGE.with_suffix("").iterdir())}
    for path in written:
        text = path.read_text(encoding="utf-8")
        there = (PAGE if path.name == PAGE.name else PAGE.with_suffix("") / path.name).read_text(encoding="utf-8")
        assert re.sub(r"\]\([^)]*results/", "](results/", text) == re.sub(r"\]\([^)]*results/", "](results/", there), (
            "run `make report`"
        )


@pytest.mark.parametrize("num_lines", [0, 1, 3, 8, 17])
def test_the_names_of_a_figures_legend_stand_apart_and_within_it(num_lines: int) -> None:
    lines = tuple(Line(f"label_smoothing{place}", "#123456", "circle", []) for place in range(num_lines))
    text = standalone(Drawn("kept", Figure("kept", "Knowledge kept", lines), Markup("<svg></svg>")))
    width, height = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', text)[0])
    places = [(int(x), int(y)) for x, y in re.findall(r'<text x="(\d+)" y="(\d+)">label', text)]
    assert len(places) == num_lines
    for place, (x, y) in enumerate(places):
        assert x + 100 <= width
        assert y < height
        assert not [other for other in places[:place] if other[1] == y and abs(other[0] - x) < 120]


def test_a_long_name_in_a_legend_widens_its_figure() -> None:
    name = "a-specification-1.0: a network, 32 px, 50,000 images, 10 epochs, and more"
    lines = (Line(name, "#123456", "circle", []), Line("b", "#654321", "square", []))
    text = standalone(Drawn("trend", Figure("trend", "Trend", lines), Markup("<svg></svg>")))
    assert int(re.findall(r'viewBox="0 0 (\d+) ', text)[0]) > 24 + 6.4 * len(name)
    assert text.count("<path") == 2


def test_every_link_leads_to_a_record_and_every_number_of_a_table_has_one(blocks: list[Block]) -> None:
    links = set(re.findall(r"\]\((\.\./results/[^)]+\.json\.gz)\)", PAGE.read_text(encoding="utf-8")))
    assert {path.name for path in record_paths(SHIPPED) if "random_init" not in path.name} == {
        Path(link).name for link in links
    }
    assert all((PAGE.parent / link).is_file() for link in links)
    tables = [block for block in blocks if isinstance(block, Table)]
    linked = [cell for block in tables for row in block.rows for cell in row if cell.records]
    plain = [cell.text for block in tables for row in block.rows for cell in row if not cell.records]
    assert len(linked) > 200
    assert not [text for text in plain if re.fullmatch(r"[+-]?\d+\.\d+( \[.*)?", text)]


def test_the_studys_main_finding_is_seen_at_its_scale_and_early_pruning_is_not_the_worst(blocks: list[Block]) -> None:
    """What the records say: knowledge kept at 99 % is .685 for cross-entropy and .458 for SupCon."""
    verdicts = next(block for block in blocks if isinstance(block, Table))
    place = verdicts.headings.index("corti2022-mini-jpeg-1.0 (qualification)")
    a, b, c, d = (row[place].text for row in verdicts.rows)
    assert "supcon" in a.partition(";")[0].removeprefix("seen for ").split(", ")
    assert [text.partition(" ")[0] for text in (a, b, c, d)] == ["seen", "not", "seen", "not"]
    assert "supervised" in d.partition(";")[0]


def test_the_first_sentence_of_results_in_the_readme_has_the_numbers_of_the_report(blocks: list[Block]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    kept = next(each for each in blocks if isinstance(each, Table) and "Retention" in each.headings)
    place = kept.headings.index("Mean")
    means = {row[0].text: row[place].text.partition(" ")[0].removeprefix("0") for row in kept.rows}
    assert f"cross-entropy keeps {means['supervised']} of what training added" in readme
    assert f"(SupCon) {means['supcon']}**" in readme
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", readme)
    assert pictures[0] == "docs/report/corti2022-mini-jpeg-1-0-kept.svg"
    assert (ROOT / pictures[0]).is_file()


def test_the_report_is_a_page_of_the_site_with_links_to_its_records(blocks: list[Block]) -> None:
    html = str(page_parts(blocks, figures(blocks), lambda path: f"records/<{Path(path).name.partition('.')[0]}>.json"))
    assert html.count("<svg") >= 3
    assert "records/&lt;supervised-c46b29d0d374&gt;.json" in html
    assert "<script" not in html
