"""Which submissions lead under every other number."""

from __future__ import annotations

import pytest

from benchmark.recording.record import EvaluationRecord
from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from leaderboard.board.board import Board, assemble, condense
from leaderboard.board.stability import leaders
from leaderboard.board.standings import (
    Arena,
    arenas,
    columns_of,
    competitors,
    rows,
    summary_scores,
)
from tests.leaderboard.records import SIGNER, Knobs, evaluation


def _board(*records: EvaluationRecord) -> Board:
    return assemble(condense(f"record-{place}", record, SIGNER) for place, record in enumerate(records))


def _only_arena(board: Board) -> Arena:
    (arena,) = arenas(board).values()
    return arena


def test_the_stability_table_names_everybody_not_separated_from_the_best() -> None:
    board = _board(evaluation(Knobs("a", 0.98)), evaluation(Knobs("b", 0.979)), evaluation(Knobs("c", 0.7)))
    groups, scores = competitors(board, _only_arena(board)), summary_scores(board, list(board.entries))
    ranking = rows(groups, scores, ROBUSTNESS_SCORE, "higher", each_track=False)
    columns = columns_of([row.entry for row in ranking])
    found = leaders(ranking, {"robustness/dense": columns["robustness/dense"]}, ROBUSTNESS_SCORE)
    assert found.to_dict("records") == [{"by": "Dense accuracy ↑", "leaders": "a, b", "agreement": pytest.approx(1)}]
