"""Outcomes beside a record are used only as the record names them."""

from __future__ import annotations

from pathlib import Path

from benchmark.recording.archive import outcomes_path
from leaderboard.reading.outcomes import read_outcomes
from tests.leaderboard.records import add_outcomes, evaluation, shelve


def test_outcomes_with_another_digest_are_not_used(tmp_path: Path) -> None:
    record = evaluation()
    (path,) = shelve(tmp_path, record)
    signed = add_outcomes(path, record)
    assert read_outcomes(path, signed.outcomes_sha256) is not None
    outcomes_path(path).write_bytes(outcomes_path(path).read_bytes() + b" ")
    assert read_outcomes(path, signed.outcomes_sha256) is None
