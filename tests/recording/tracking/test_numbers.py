"""Numbers of a record in MLflow: a handful where all submissions meet, everything else one click away."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.recording.tracking.numbers import cell_table, parent_points, sparsity_steps, summary_table
from benchmark.scoring.metric import Estimate
from tests.recording.synthetic import TASK, record


@pytest.mark.parametrize(
    ("sparsities", "steps"),
    [
        ([0.0, 0.5, 0.8, 0.9, 0.95, 0.98], [0, 50, 80, 90, 95, 98]),
        ([0.98, 0.99, 0.995, 0.999], [980, 990, 995, 999]),
        ([0.999, 0.0, 0.999, 0.9991], [9990, 0, 9990, 9991]),
        ([0.5, 0.5 + 2**-53], [5 * 10**15, 5 * 10**15 + 1]),
        ([], []),
    ],
)
def test_every_sparsity_has_a_step_of_its_own(sparsities: list[float], steps: list[int]) -> None:
    """In whole percents .995 and .999 were one step, and their curves two values at the same place."""
    found = sparsity_steps(sparsities)
    assert [found[sparsity] for sparsity in sparsities] == steps


@given(st.lists(st.floats(0, 1, exclude_max=True), max_size=12))
def test_steps_are_as_many_as_sparsities_and_in_their_order(sparsities: list[float]) -> None:
    found = sparsity_steps(sparsities)
    steps = [found[sparsity] for sparsity in sorted(set(sparsities))]
    assert steps == sorted(set(steps))
    assert all(0 <= step < 2**63 for step in steps)


def test_a_parent_shows_a_handful_of_numbers_and_not_every_curve_of_every_metric() -> None:
    """It had 522 metrics, of which a table of runs shows a column each."""
    made = record()
    many = {f"group/{number}": Estimate(value=number / 600) for number in range(500)}
    cells = tuple(cell.model_copy(update={"metrics": {**cell.metrics, **many}}) for cell in made.cells)
    made = made.model_copy(update={"cells": cells, "summary": {**made.summary, **many}})
    assert [(point.key, point.value, point.step) for point in parent_points(made, 7)] == [
        ("robustness/score", 0.875, 0), ("robustness/score/low", 0.5, 0), ("robustness/score/high", 0.9375, 0),
        ("digits/resnet8-1/dense/linear/accuracy", 0.975, 0), ("digits/resnet8-1/late/linear/accuracy", 0.975, 98),
    ]  # fmt: skip


def test_every_number_of_the_whole_submission_and_of_every_cell_is_in_a_table() -> None:
    made = record()
    summary = list(csv.reader(io.StringIO(summary_table(made))))
    assert summary == [
        ["number", "value", "low", "high"],
        ["robustness/score", "0.875", "0.5", "0.9375"],
        ["robustness/score:late", "0.75", "", ""],
    ]
    cells = list(csv.DictReader(io.StringIO(cell_table(made))))
    assert len(cells) == sum(len(cell.metrics) for cell in made.cells)
    assert cells[-2] == {
        "task": TASK, "schedule": "late", "sparsity": "0.98", "models": "1", "number": "linear/accuracy",
        "value": "0.975", "low": "0.95", "high": "1",
    }  # fmt: skip
