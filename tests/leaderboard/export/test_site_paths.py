"""Names from records become file names that are harmless and different."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.recording.trust import load_trust
from leaderboard.export.published_board import read_published_board
from leaderboard.export.site_paths import entry_paths, slug
from tests.leaderboard.records import HOSTILE_NAMES


def test_names_become_harmless_file_names_that_nobody_shares(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FMN_HOME", str(store))
    found = entry_paths(read_published_board(load_trust()).board.entries.values())
    taken = [place.page.casefold() for place in found.values()]
    assert len(set(taken)) == len(taken)
    for hostile in [*HOSTILE_NAMES, "..", "../../etc/passwd", ".git", "a/../b", "CON\x00", "é"]:
        assert slug(hostile).replace("-", "").replace("_", "").replace(".", "").isalnum()
        assert not slug(hostile).startswith((".", "-", "_"))
        assert ".." not in slug(hostile)
