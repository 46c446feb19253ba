"""What a scorer answers is written with as many digits as a record keeps."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from benchmark.scoring.metric import Estimate
from benchmark.scoring.scoring_job import DIGITS, ScoredCell, ScoredRun, ScoringResult

numbers = st.floats(allow_nan=False, allow_infinity=False)


def _answer(low: float, value: float, high: float) -> ScoringResult:
    estimate = Estimate(value=value, low=low, high=high)
    run = ScoredRun(
        task="digits", schedule="late", sparsity=Decimal("0.123456789012"), seed=3,
        metrics={"linear/accuracy": value, "knn/accuracy": None}, layers=(("stem.0.weight", 123456789012, 1),),
    )  # fmt: skip
    cell = ScoredCell(
        task="digits", schedule="late", sparsity=Decimal("0.9"), num_models=6, metrics={"linear/accuracy": estimate}
    )
    return ScoringResult(
        columns=(), runs=(run,), cells=(cell,), references=(), floor={"retention": Estimate(value=None)},
        summary={"score": estimate},
    )  # fmt: skip


@given(st.tuples(numbers, numbers, numbers).map(sorted))
def test_rounding_changes_floats_alone_by_half_a_digit_at_most_and_keeps_their_order(three: list[float]) -> None:
    answer = _answer(*three)
    rounded = answer.rounded()
    found = rounded.summary["score"]
    assert found == rounded.cells[0].metrics["linear/accuracy"]
    assert found.low is not None
    assert found.value is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high
    for number, before in zip((found.low, found.value, found.high), three, strict=True):
        assert abs(number - before) <= abs(before) * 0.5 * 10.0 ** (1 - DIGITS) + 5e-324
    again = rounded.model_copy(update={"runs": answer.runs, "cells": answer.cells, "summary": answer.summary})
    assert again == answer
    assert rounded.runs[0].sparsity == answer.runs[0].sparsity
    assert rounded.runs[0].layers == answer.runs[0].layers
    assert rounded.rounded() == rounded


def test_a_rounded_answer_takes_fewer_bytes() -> None:
    answer = _answer(1 / 3, 2 / 3, 0.1 + 0.2)
    assert '"value":0.66666667' in answer.rounded().model_dump_json()
    assert len(answer.rounded().model_dump_json()) < len(answer.model_dump_json())
