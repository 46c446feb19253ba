"""What a board keeps of a record: plain values, and which schedule every control belongs to."""

from __future__ import annotations

import dataclasses
import json

from benchmark.recording.record import EvaluationRecord
from leaderboard.board.board import Board, assemble, condense
from tests.leaderboard.records import SIGNER, Knobs, evaluation


def _board(*records: EvaluationRecord) -> Board:
    return assemble(condense(f"record-{place}", record, SIGNER) for place, record in enumerate(records))


def test_a_control_belongs_to_the_schedule_it_differs_from_in_its_criterion_only() -> None:
    board = _board(evaluation(Knobs("a")))
    (entry,) = board.entries.values()
    assert entry.controlled == {"one-shot-random": "one-shot"}
    assert (entry.schedules, entry.controls) == (("early", "late", "one-shot"), ("one-shot-random",))


def test_entries_hold_only_plain_values_so_that_a_board_can_be_shared() -> None:
    (entry,) = _board(evaluation()).entries.values()
    assert json.loads(json.dumps(dataclasses.asdict(dataclasses.replace(entry, columns=()))))["name"] == "simclr"
