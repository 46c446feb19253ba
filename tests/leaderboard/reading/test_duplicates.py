"""Which records are shown once: a record makes way only for one of the same signer, submission and specification."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from leaderboard.board.board import condense
from leaderboard.reading.duplicates import copies, own_before_shipped
from tests.leaderboard.records import SIGNER, Knobs, evaluation

SHIPPED = condense("/results/digits-1.0/a.json", evaluation(Knobs("a")), SIGNER)


@pytest.mark.parametrize(
    ("field", "value"),
    [("key_id", "ef01"), ("name", "b"), ("spec_digest", "0" * 64), ("evaluation_key", "0" * 64), (None, None)],
)
def test_a_shipped_record_makes_way_only_for_the_same_evaluation_by_the_same_signer(
    field: str | None, value: str | None
) -> None:
    """A record with the evaluation key of somebody else's made that one vanish, with no word."""
    changes = {"path": "/home/records/digits-1.0/a.json"} | ({field: value} if field else {})
    own = replace(SHIPPED, entry=replace(SHIPPED.entry, **changes))
    shown = own_before_shipped([SHIPPED, own], Path("/results"))
    assert shown == ([SHIPPED, own] if field else [own])


def test_a_record_of_the_same_bytes_under_another_key_is_no_copy() -> None:
    first = replace(SHIPPED, record_sha256="ab" * 32)
    second, third = (
        replace(first, entry=replace(first.entry, path=path, key_id=key))
        for path, key in (("/results/digits-1.0/b.json", first.entry.key_id), ("/results/digits-1.0/c.json", "ef01"))
    )
    assert copies([first, second, third]) == {second.entry.path: first.entry.path}
