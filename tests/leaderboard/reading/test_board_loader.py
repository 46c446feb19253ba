"""A board is kept up to date by reading only what changed, and says the same as one that is read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.recording.trust import Trust, load_trust
from leaderboard.reading import record_store
from leaderboard.reading.board_loader import BoardLoader, read_board
from tests.leaderboard.records import Knobs, evaluation, shelve, write_signed


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the record files that were opened, as it happens."""
    found: list[str] = []
    real = record_store.open_sealed

    def note(path: Path, trust: Trust) -> object:
        found.append(path.name)
        return real(path, trust)

    monkeypatch.setattr(record_store, "open_sealed", note)
    return found


def test_only_changed_records_are_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    monkeypatch.setenv("FMN_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "home"
    paths = shelve(home, evaluation(Knobs("a")), evaluation(Knobs("b")))
    loader, trust = BoardLoader(), load_trust()
    first = loader.load([home], trust)
    assert opened == ["0000.json", "0001.json"]
    assert loader.load([home], trust) is first
    write_signed(paths[1], evaluation(Knobs("b", dense=0.5)))
    second = loader.load([home], trust)
    assert opened == ["0000.json", "0001.json", "0001.json"]
    assert second.board.entries == read_board([home], trust).board.entries
    paths[0].unlink()
    assert {entry.name for entry in loader.load([home], trust).board.entries.values()} == {"b"}


def test_all_records_are_opened_again_when_the_trusted_keys_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    monkeypatch.setenv("FMN_CACHE", str(tmp_path / "cache"))
    shelve(tmp_path / "home", evaluation(Knobs("a")))
    loader = BoardLoader()
    assert len(loader.load([tmp_path / "home"], load_trust()).board.entries) == 1
    nobody = loader.load([tmp_path / "home"], Trust({}, ()))
    assert not nobody.board.entries
    assert len(nobody.rejected) == 1
    assert opened == ["0000.json", "0000.json"]
