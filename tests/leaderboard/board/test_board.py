"""What a board keeps of a record: plain values, and which schedule every control belongs to."""

from __future__ import annotations

import dataclasses
import json

import pytest

from benchmark.recording.record import EvaluationRecord, Failure
from leaderboard.board.board import Board, assemble, condense
from leaderboard.board.standings import summary_scores
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


def test_the_worst_seed_stands_beside_the_mean_and_seeds_in_two_groups_are_named() -> None:
    """No interval over models survives seeds that collapse (S5): the board shows the worst one and says so."""
    fine = evaluation(Knobs("fine"))
    collapsed = tuple(
        run.model_copy(update={"metrics": {**run.metrics, "linear/accuracy": 0.2}})
        if run.seed == 3 and run.schedule != "dense" else run
        for run in fine.runs
    )  # fmt: skip
    diverged = {("late", 0.9, 1): Failure(reason="diverged", message="nan")}
    board = assemble([
        condense("fine", fine, SIGNER),
        condense("split", fine.model_copy(update={"runs": collapsed}), SIGNER),
        condense("failed", evaluation(Knobs("failed", failures=diverged)), SIGNER),
    ])  # fmt: skip
    scores = summary_scores(board, list(board.entries))["robustness/worst_seed"]
    worst = {path: score and score.value for path, score in scores.items()}
    assert worst["split"] == pytest.approx((0.2 - 0.1) / 0.9)
    assert worst["fine"] == pytest.approx(min(board.entries["fine"].seed_scores))
    assert "failed" not in worst
    assert board.entries["fine"].seed_groups == ""
    assert board.entries["split"].seed_groups.startswith("seeds fall into two groups: 1 of 6 score at most 0.111")
