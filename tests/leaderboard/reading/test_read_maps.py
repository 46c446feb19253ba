"""Maps beside a record are read only as the record names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.recording.archive import maps_path, read_record
from leaderboard.reading.maps import read_maps
from tests.leaderboard.records import Knobs, add_outcomes, evaluation, shelve


@pytest.fixture
def record(tmp_path: Path) -> Path:
    made = evaluation(Knobs())
    (path,) = shelve(tmp_path, made)
    add_outcomes(path, made)
    return path


def test_an_altered_or_missing_map_is_not_read(record: Path) -> None:
    said = read_record(record)
    assert read_maps(record, None) is None
    maps_path(record).write_bytes(maps_path(record).read_bytes() + b" ")
    assert read_maps(record, said.maps_sha256) is None
    maps_path(record).unlink()
    assert read_maps(record, said.maps_sha256) is None
