"""The lines of a curve plot: the floor of untrained encoders stands under every curve of accuracy, named at its end."""

from __future__ import annotations

from benchmark.recording.record import EvaluationRecord
from benchmark.scoring.metric import Estimate
from leaderboard.board.board import Board, assemble, condense
from leaderboard.export.page_figures import own_curves, schedule_curves
from leaderboard.figures.charts import curves, limits
from leaderboard.figures.lines import FLOOR_NAME, lines_of_schedule, lines_of_submission
from leaderboard.figures.palette import looks
from tests.leaderboard.records import SIGNER, SPARSITIES, TASK, Knobs, evaluation

FLOOR = {TASK: Estimate(value=0.85, low=0.8, high=0.9)} | {
    f"{TASK}/late/{sparsity:.2f}": Estimate(value=0.8 - 0.05 * place, low=0.7, high=0.81)
    for place, sparsity in enumerate(SPARSITIES)
}


def _board(*records: EvaluationRecord) -> Board:
    return assemble(condense(f"record-{place}", record, SIGNER) for place, record in enumerate(records))


def _with_floor() -> EvaluationRecord:
    return evaluation(Knobs("b")).model_copy(update={"floor": FLOOR})


def test_untrained_encoders_that_are_pruned_alike_are_a_line_of_their_own() -> None:
    board = _board(evaluation(Knobs("a")), _with_floor())
    drawn = lines_of_schedule(board, list(board.entries.values()), looks(["a", "b"]), TASK, "late", "linear/accuracy",
                              controls=True)  # fmt: skip
    assert [line.name for line in drawn] == ["a", "b", FLOOR_NAME]
    floor = drawn[-1]
    assert floor.label == FLOOR_NAME
    expected = [(0.0, 0.85), *((sparsity, 0.8 - 0.05 * place) for place, sparsity in enumerate(SPARSITIES))]
    assert [point[:2] for point in floor.points] == expected
    assert "untrained, pruned alike" in curves(drawn, [], "Accuracy", limits(drawn, [])).to_json()


def test_only_accuracy_has_a_floor_and_only_where_it_is_known() -> None:
    board = _board(_with_floor())
    (entry,) = board.entries.values()
    for schedule, metric in (("early", "linear/accuracy"), ("late", "pie/excess")):
        drawn = lines_of_schedule(board, [entry], looks(["b"]), TASK, schedule, metric, controls=False)
        assert [line.name for line in drawn] == ["b"]
    assert not any(line.label for line in lines_of_submission(board, entry, TASK, "linear/accuracy", controls=True))


def test_the_exported_site_draws_it_and_names_it_at_the_line() -> None:
    board = _board(_with_floor())
    figure = schedule_curves(board, list(board.entries.values()), looks(["b"]), TASK)
    assert figure is not None
    panels = dict(figure.panels)
    assert f">{FLOOR_NAME}</text>" in panels["late"]
    assert f">{FLOOR_NAME}</text>" not in panels["early"]
    (entry,) = _board(evaluation(Knobs("a"))).entries.values()
    own = own_curves(_board(evaluation(Knobs("a"))), entry, TASK)
    assert own is not None
    assert FLOOR_NAME not in str(own.panels)
