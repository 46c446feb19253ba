"""What `docs/results.md` says comes from the records that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.recording.trust import load_trust
from leaderboard.board.board import Board
from leaderboard.export.results_page import BEGIN, END, replaced, results_text
from leaderboard.reading.board_loader import BoardSnapshot, read_board
from leaderboard.reading.record_store import SHIPPED
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


def test_a_name_cannot_break_the_table(tmp_path: Path) -> None:
    knobs = Knobs("a|b\n# c", models=2, schedules=("early",), sparsities=(0.5,))
    for path in shelve(tmp_path, evaluation(knobs)):
        add_outcomes(path, evaluation(knobs))
    text = results_text(read_board([tmp_path], load_trust()))
    assert "a/b # c" in text
    assert "\n# c" not in text
