"""What is copied is the record that the board was made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.recording.archive import maps_path, outcomes_path
from benchmark.recording.trust import load_trust
from leaderboard.export.published_board import read_published_board
from leaderboard.export.record_copies import copy_record
from leaderboard.export.site import export
from tests.leaderboard.records import Knobs, add_outcomes, evaluation, shelve


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


def test_a_file_that_was_changed_after_signing_is_named_on_its_page_and_not_copied(small: Path, tmp_path: Path) -> None:
    """T7: the page said no more than that it was not there."""
    record = evaluation(Knobs(models=2))
    (path,) = shelve(small, record)
    add_outcomes(path, record)
    outcomes_path(path).write_bytes(outcomes_path(path).read_bytes() + b"x")
    maps_path(path).unlink()
    written = export(tmp_path / "site", load_trust())
    assert [why for _, why in written.left_out if "shipped" not in why] == ["changed after signing"]
    (page,) = (file.read_text() for file in (tmp_path / "site" / "submissions").rglob("*.html"))
    (altered,) = (line for line in page.splitlines() if "was changed after signing" in line)
    assert ".maps.parquet" not in altered
    assert ".parquet beside the record" in altered
    (absent,) = (line for line in page.splitlines() if "Not here as signed: " in line)
    assert ".maps.parquet" in absent
    assert not list((tmp_path / "site").rglob("*.parquet"))
