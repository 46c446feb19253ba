"""What is copied is the record that the board was made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.recording.trust import load_trust
from leaderboard.export.published_board import read_published_board
from leaderboard.export.record_copies import copy_record
from tests.leaderboard.records import Knobs, evaluation, shelve


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one record."""
    monkeypatch.setenv("FMN_HOME", str(tmp_path / "home"))
    shelve(tmp_path / "home", evaluation(Knobs(models=2)))
    return tmp_path / "home"


def test_a_record_that_was_replaced_meanwhile_stops_the_export(small: Path, tmp_path: Path) -> None:
    snapshot = read_published_board(load_trust())
    (entry,) = snapshot.board.entries.values()
    shelve(small, evaluation(Knobs(models=2, created="2026-11-25T10:00:00Z")))
    with pytest.raises(ValueError, match="run the same command again"):
        copy_record(entry, tmp_path / "copy.json", snapshot.trust)
