"""What `docs/results.md` says comes from the records that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.recording.trust import load_trust
from benchmark.recording.verify import Believed
from leaderboard.board.board import Board
from leaderboard.export.results_page import BEGIN, END, replaced, results_text
from leaderboard.reading.board_loader import BoardSnapshot, read_board
from leaderboard.reading.record_store import SHIPPED, read
from tests.leaderboard.records import Knobs, add_outcomes, evaluation, shelve

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def shipped() -> BoardSnapshot:
    return read_board([SHIPPED], load_trust())


def test_the_page_is_what_make_docs_writes(shipped: BoardSnapshot) -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert replaced(page, results_text(shipped)) == page, "run `make docs`"


def test_every_shipped_evaluation_has_its_row_with_the_score_of_its_record(shipped: BoardSnapshot) -> None:
    board: Board = shipped.board
    lines = results_text(shipped).splitlines()
    assert len(board.entries) >= 8
    for entry in board.entries.values():
        score = board.numbers.loc[
            (board.numbers["path"] == entry.path) & (board.numbers["metric"] == "robustness/score"), "value"
        ].item()
        assert sum(f"| {entry.name} | {score:.3f} [" in line for line in lines) == 1


def test_a_page_without_its_markers_is_refused() -> None:
    assert replaced(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb"
    for page in ("", BEGIN, f"{END}{BEGIN}"):
        with pytest.raises(ValueError, match="expected the lines"):
            replaced(page, "new")


def test_every_board_says_how_the_settings_of_every_submission_were_chosen(shipped: BoardSnapshot) -> None:
    """Budget and search of every record."""
    sections = results_text(shipped).split("\n## ")
    lines = [line for section in sections for line in section.splitlines() if line.startswith("Settings compared")]
    assert len(lines) == len(sections)
    for entry in shipped.board.entries.values():
        found = read(Path(entry.path), shipped.trust)
        assert isinstance(found, Believed)
        stated = found.record.tuning
        said = "not stated" if stated is None else f"{stated['budget']} on {stated['split']} images, by "
        search = "" if stated is None else stated["search"].partition(", over ")[0]
        groups = [each for line in lines for each in line.split(": ", 1)[1].split("; ") if f"{said}{search} (" in each]
        assert any(entry.name in each.rpartition("(")[2].rstrip(").").split(", ") for each in groups), entry.path


def test_what_a_record_says_of_its_tuning_cannot_break_the_page(tmp_path: Path) -> None:
    stated = {"budget": 1200, "split": "test", "search": "grid\n# [x](y) | `z`, over rho 0 to 1"}
    record = evaluation(Knobs(models=2, schedules=("early",), sparsities=(0.5,))).model_copy(update={"tuning": stated})
    for path in shelve(tmp_path, record):
        add_outcomes(path, record)
    said = r"Settings compared before: 1,200 on TEST images, by grid # \[x\](y) \| \`z\` (simclr)."
    assert said in results_text(read_board([tmp_path], load_trust())).splitlines()


def test_a_name_cannot_break_the_table(tmp_path: Path) -> None:
    knobs = Knobs("a|b\n# c", models=2, schedules=("early",), sparsities=(0.5,))
    for path in shelve(tmp_path, evaluation(knobs)):
        add_outcomes(path, evaluation(knobs))
    text = results_text(read_board([tmp_path], load_trust()))
    assert "a/b # c" in text
    assert "\n# c" not in text
