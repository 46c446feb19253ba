"""A record with a number that no evaluation can give is refused, whoever signed it; every honest one passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark.recording.archive import read_record, signature_path
from benchmark.recording.possible import impossible
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import record_paths
from benchmark.recording.trust import load_trust
from benchmark.recording.verify import judge
from benchmark.scoring.metric import Estimate
from leaderboard.reading.board_loader import read_board
from tests.leaderboard.records import evaluation, shelve

RESULTS = Path(__file__).resolve().parents[2] / "results"


def summary(**changes: Any) -> EvaluationRecord:
    score = evaluation().summary["robustness/score"].model_copy(update=changes)
    return evaluation().model_copy(update={"summary": {**evaluation().summary, "robustness/score": score}})


def run_metrics(**metrics: float) -> EvaluationRecord:
    first, *others = evaluation().runs
    named = {name.replace("__", "/"): value for name, value in metrics.items()}
    run = first.model_copy(update={"metrics": {**first.metrics, **named}})
    return evaluation().model_copy(update={"runs": (run, *others)})


def cell(name: str, **changes: Any) -> EvaluationRecord:
    *others, last = evaluation().cells
    changed = last.model_copy(update={"metrics": {**last.metrics, name: Estimate(**changes)}})
    return evaluation().model_copy(update={"cells": (*others, changed)})


def model_count(count: int) -> EvaluationRecord:
    *others, last = evaluation().cells
    return evaluation().model_copy(update={"cells": (*others, last.model_copy(update={"num_models": count}))})


def cost(**changes: float) -> EvaluationRecord:
    return evaluation().model_copy(update={"cost": evaluation().cost.model_copy(update=changes)})


IMPOSSIBLE = {
    "a score of 5": (summary(value=5.0, low=4.9, high=5.1), "robustness/score: expected a number in [-1, 1], got 5"),
    "bounds the wrong way round": (summary(low=0.99, high=0.1), "expected a lower bound below the upper one"),
    "a value outside its interval": (summary(value=0.2), "expected a value within its own interval"),
    "one bound": (summary(low=None), "expected a value with both of its bounds"),
    "an accuracy above 1": (run_metrics(linear__accuracy=1.2), "linear/accuracy: expected a number in [0, 1], got 1.2"),
    "a negative accuracy": (run_metrics(knn__accuracy=-0.2), "knn/accuracy: expected a number in [0, 1], got -0.2"),
    "a negative count": (cell("class_impact/hit", value=-3.0), "expected at least 0, got -3"),
    "a share of a cell": (cell("label_change/churn", value=1.5), "label_change/churn: expected a number in [0, 1]"),
    "negative time": (cost(train_s=-1.0), "cost: train_s: expected at least 0, got -1.0"),
    "models that never ran": (model_count(40), "expected 6 models, as many as runs have finished, got 40"),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_impossible_number_is_refused_by_verify_and_by_the_board(case: str, tmp_path: Path) -> None:
    record, why = IMPOSSIBLE[case]
    (path,) = shelve(tmp_path, record)
    assert why in judge(path, load_trust()).problem
    board = read_board([tmp_path], load_trust())
    assert not board.board.entries
    assert [why in each.why for each in board.rejected] == [True]


def test_the_interval_of_a_prune_potential_need_not_hold_it() -> None:
    """A percentile bootstrap of a number that is no mean may miss it in an honest record."""
    assert not list(impossible(cell("prune_potential/clean", value=0.7, low=0.2, high=0.6)))


@pytest.mark.parametrize("path", list(record_paths(RESULTS)), ids=lambda path: path.stem)
def test_shipped_records_have_possible_numbers(path: Path) -> None:
    assert signature_path(path).exists()
    assert list(impossible(read_record(path))) == []
