"""A repetition agrees bit by bit where the environment is the same, and by intervals where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.recording.agreement import HEADLINES, compare
from benchmark.recording.record import EvaluationRecord
from benchmark.scoring.metric import Estimate
from tests.leaderboard.records import Knobs, evaluation

RECORD = evaluation(Knobs())
SCORE = "robustness/score"


def with_score(record: EvaluationRecord, value: float | None, **changes: Any) -> EvaluationRecord:
    """The same record with another score."""
    estimate = record.summary[SCORE].model_copy(update={"value": value})
    return record.model_copy(update={"summary": {**record.summary, SCORE: estimate}, **changes})


def verdict(other: EvaluationRecord, record: EvaluationRecord = RECORD) -> str:
    return next(line.verdict for line in compare(record, other).headlines if line.name == SCORE)


def test_a_record_agrees_with_itself_in_every_number() -> None:
    agreement = compare(RECORD, RECORD)
    assert agreement.holds
    assert agreement.on_equal_terms
    assert agreement.num_differing == 0
    runs = sum(1 + len(run.metrics) for run in RECORD.runs)
    cells = sum(len(cell.metrics) for cell in RECORD.cells)
    assert agreement.num_numbers == runs + cells + len(RECORD.summary)
    assert [line.name for line in agreement.headlines] == [name for name in HEADLINES if name in RECORD.summary]


def test_one_other_bit_breaks_what_is_promised_in_the_same_environment() -> None:
    value = RECORD.summary[SCORE].value
    assert value is not None
    agreement = compare(RECORD, with_score(RECORD, value + 1e-15))
    assert (agreement.num_differing, agreement.holds) == (1, False)


def test_bits_are_promised_only_where_the_training_code_is_of_the_recorded_version() -> None:
    """The names of states hold the version of the training code, the data and the hyperparameters."""
    runs = tuple(run.model_copy(update={"state_key": f"3{run.state_key[1:]}"}) for run in RECORD.runs)
    agreement = compare(RECORD, RECORD.model_copy(update={"runs": runs, "definitions": {"keys": "3"}}))
    assert not agreement.on_equal_terms
    assert agreement.environment == {"version of the training code": ("not stated", "3")}
    assert agreement.holds


def test_numbers_of_other_definitions_and_new_ones_are_not_compared() -> None:
    more = {**RECORD.summary, "later/number": Estimate(value=1.0)}
    newer = RECORD.model_copy(update={"summary": {name: each for name, each in more.items() if name != SCORE}})
    assert compare(RECORD, newer).num_differing == 1
    agreement = compare(RECORD, newer, lambda name: name != SCORE)
    assert (agreement.num_differing, agreement.holds) == (0, True)
    assert agreement.num_numbers == compare(RECORD, RECORD).num_numbers - 1


def test_elsewhere_the_recorded_interval_decides() -> None:
    elsewhere = {**RECORD.environment, "device_model": "another"}
    bounds = RECORD.summary[SCORE]
    assert bounds.low is not None
    assert bounds.high is not None
    for value, expected in ((bounds.low, "within"), (bounds.high, "within"), (bounds.low - 1e-9, "outside")):
        other = with_score(RECORD, value, environment=elsewhere)
        agreement = compare(RECORD, other)
        assert verdict(other) == expected
        assert agreement.holds == (expected == "within")
        assert agreement.environment["device_model"][1] == "another"


@pytest.mark.parametrize("lost", ["repeated", "bounds"])
def test_what_cannot_be_compared_does_not_agree(lost: str) -> None:
    elsewhere = {**RECORD.environment, "device_model": "another"}
    if lost == "repeated":
        assert verdict(with_score(RECORD, None, environment=elsewhere)) == "outside"
        return
    unbounded = RECORD.model_copy(update={"summary": {**RECORD.summary, SCORE: Estimate(value=0.5)}})
    assert verdict(with_score(RECORD, 0.6, environment=elsewhere), unbounded) == "outside"


def test_a_run_that_failed_this_time_is_a_difference() -> None:
    first = RECORD.runs[0].model_copy(update={"status": "failed", "metrics": {}})
    agreement = compare(RECORD, RECORD.model_copy(update={"runs": (first, *RECORD.runs[1:])}))
    assert agreement.num_differing == 1 + len(RECORD.runs[0].metrics)
    assert not agreement.holds
