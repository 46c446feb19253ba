"""Which submissions lead under every other number."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.recording.record import EvaluationRecord, ImagesPerUpdate
from benchmark.scoring.metric import Estimate
from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from leaderboard.board.board import Board, assemble, condense
from leaderboard.board.inference.sensitivity import Measured, readings
from leaderboard.board.inference.separation import Separation
from leaderboard.board.stability import leaders, neighbouring_orders, order_frame, reading_frame, readings_of
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


NOBODY = Separation([], np.zeros((0, 0), np.bool_))


def _only_arena(board: Board) -> Arena:
    (arena,) = arenas(board).values()
    return arena


def test_the_stability_table_names_everybody_not_separated_from_the_best() -> None:
    board = _board(evaluation(Knobs("a", 0.98)), evaluation(Knobs("b", 0.979)), evaluation(Knobs("c", 0.7)))
    groups, scores = competitors(board, _only_arena(board)), summary_scores(board, list(board.entries))
    ranking = rows(groups, scores, ROBUSTNESS_SCORE, "higher", each_track=False)
    columns = columns_of([row.entry for row in ranking])
    found = leaders(ranking, {"robustness/dense": columns["robustness/dense"]}, ROBUSTNESS_SCORE, NOBODY)
    assert found.to_dict("records") == [
        {"by": "Dense accuracy (chance-corrected) ↑", "leaders": "a, b", "agreement": pytest.approx(1)}
    ]


READINGS = ["robustness score", "penalty 0.0001", "penalty 0.01", "kNN in place of the probe", "early alone",
            "late alone", "one-shot alone", "50 % alone", "80 % alone", "90 % alone", "95 % alone", "98 % alone",
            "score per compute"]  # fmt: skip


def _measured(name: str, dense: float, knn: float, images: float) -> EvaluationRecord:
    """A record of today: read at other penalties and by kNN in every cell, images counted."""
    record = evaluation(Knobs(name, dense))
    score = record.summary["robustness/score"].value or 0.0
    penalties = {"penalty/score:0.01": Estimate(value=score), "penalty/score:0.0001": Estimate(value=score - 0.01)}
    cells = [
        cell.model_copy(update={"metrics": {**cell.metrics, "knn/accuracy": Estimate(value=knn)}})
        for cell in record.cells
    ]
    return record.model_copy(
        update={"summary": {**record.summary, **penalties}, "cells": tuple(cells),
                "images_per_update": ImagesPerUpdate(encoder=images, copies=0.0)}
    )  # fmt: skip


def test_an_order_is_counted_over_every_reading_and_says_where_it_turns_round() -> None:
    """S9: a penalty, another probe or the compute can decide who leads; the board says in which readings it does."""
    board = _board(_measured("worse", 0.8, 0.9, 128), _measured("better", 0.95, 0.7, 256))
    (found,) = neighbouring_orders(board, list(board.entries.values()))
    assert not found.missing
    assert sorted([*found.agreeing, *found.against]) == sorted(READINGS)
    assert found.against == ("kNN in place of the probe", "score per compute")
    assert found.sentence == (
        "better > worse in 11 of 13 readings; not: kNN in place of the probe, score per compute"
    )  # fmt: skip
    assert order_frame([found]).to_dict("records") == [
        {"order": "better > worse", "holds": "11 of 13", "against": ", ".join(found.against), "missing": ""}
    ]


def test_what_an_older_record_does_not_hold_is_not_measured_and_counts_for_nobody() -> None:
    board = _board(evaluation(Knobs("old", 0.95)), _measured("new", 0.8, 0.7, 128))
    (found,) = neighbouring_orders(board, list(board.entries.values()))
    assert set(found.missing) == {"penalty 0.0001", "penalty 0.01", "kNN in place of the probe", "score per compute"}
    assert (len(found.agreeing), found.against) == (9, ())
    both = _board(evaluation(Knobs("a", 0.95)), evaluation(Knobs("b", 0.8)))
    (order,) = neighbouring_orders(both, list(both.entries.values()))
    assert order.sentence == "a > b in 9 of 9 readings; not measured: other penalties, kNN in place of the probe, " \
        "score per compute"  # fmt: skip


def test_readings_have_the_right_values() -> None:
    """Two classes, one task, two schedules: areas by hand. At .5 and .75 a curve is the mean of its two heights."""
    cells = {
        ("t", "early", 0.5, "linear/accuracy"): 1.0, ("t", "early", 0.75, "linear/accuracy"): 0.8,
        ("t", "late", 0.5, "linear/accuracy"): 0.9, ("t", "late", 0.75, "linear/accuracy"): 0.5,
        ("t", "early", 0.5, "knn/accuracy"): 0.9, ("t", "early", 0.75, "knn/accuracy"): 0.7,
        ("t", "late", 0.5, "knn/accuracy"): 0.8, ("t", "late", 0.75, "knn/accuracy"): 0.5,
    }  # fmt: skip
    summary = {"robustness/score": 0.6, "robustness/score:early": 0.8, "penalty/score:0.01": 0.55}
    found = readings(Measured(summary, cells, {"t": 0.5}, ("early", "late"), (0.5, 0.75), None))
    assert found == {
        "robustness score": 0.6, "penalty 0.01": 0.55, "kNN in place of the probe": pytest.approx(0.45),
        "early alone": 0.8, "late alone": None, "50 % alone": pytest.approx(0.9), "75 % alone": pytest.approx(0.3),
        "score per compute": None,
    }  # fmt: skip


def test_the_score_per_compute_divides_by_millions_of_images_through_encoder_and_copies() -> None:
    counted = ImagesPerUpdate(encoder=100, copies=50)
    record = _measured("a", 0.9, 0.9, 100).model_copy(update={"images_per_update": counted})
    board = _board(record)
    scores = summary_scores(board, list(board.entries))
    found = {name: each.value for name in scores if (each := scores[name]["record-0"])}
    assert found["cost/images"] == pytest.approx(1.35)  # 150 images in each of 9,000 updates
    expected = (record.summary["robustness/score"].value or 0) / 1.35
    assert found["cost/score_per_compute"] == pytest.approx(expected)
    assert "cost/images" not in summary_scores(_board(evaluation()), ["record-0"])


def test_two_submissions_are_laid_side_by_side_reading_by_reading() -> None:
    board = _board(_measured("x", 0.8, 0.9, 128), evaluation(Knobs("y", 0.95)))
    found = readings_of(board, list(board.entries.values()))
    frame = reading_frame(("x", found["record-0"]), ("y", found["record-1"]))
    assert dict(zip(frame["reading"], frame["ahead"], strict=True)) == {
        name: "not measured" if name.startswith(("penalty", "kNN", "score per")) else "y" for name in READINGS
    }


def test_nobody_is_ahead_where_both_are_exactly_zero() -> None:
    """The second was named as ahead."""
    frame = reading_frame(("a", {"score": 0.0, "kNN": 0.2}), ("b", {"score": 0.0, "kNN": 0.1}))
    assert dict(zip(frame["reading"], frame["ahead"], strict=True)) == {"score": "neither", "kNN": "a"}


def test_a_penalty_that_turns_an_order_round_is_named() -> None:
    """S9: at a tenth of the penalty the one leads, at ten times the other one."""

    def measured(name: str, dense: float, at_small: float) -> EvaluationRecord:
        record = _measured(name, dense, dense, 128)
        return record.model_copy(
            update={"summary": {**record.summary, "penalty/score:0.0001": Estimate(value=at_small)}}
        )  # fmt: skip

    board = _board(measured("encoder", 0.95, 0.5), measured("decoder", 0.9, 0.8))
    (found,) = neighbouring_orders(board, list(board.entries.values()))
    assert found.against == ("penalty 0.0001",)
    assert found.sentence == "encoder > decoder in 12 of 13 readings; not: penalty 0.0001"
