"""Every interval stays within what is possible, and too few models have none (C9)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.scoring.aggregate import score_cells, stack
from benchmark.scoring.metric import Estimate, Outcome, within
from benchmark.scoring.registry import all_columns
from benchmark.scoring.scoring_job import TaskToScore
from benchmark.scoring.statistics.ranges import range_of
from benchmark.spec import Evaluation

NAMES = sorted({column.name.partition(":")[0] for column in all_columns()})


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_the_interval_of_every_number_stays_within_its_range_and_holds_its_value(
    name: str, data: st.DataObject
) -> None:
    lowest, highest = (max(min(bound, 1e3), -1e3) for bound in range_of(name))
    values = data.draw(st.lists(st.floats(lowest, highest), min_size=1, max_size=8))
    found = within(name, Estimate.over_models(np.array(values), 0.95), len(values))
    if len(values) < 3:
        assert (found.low, found.high) == (None, None)
        return
    low, high = range_of(name)
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert low - 1e-9 <= found.low <= found.value <= found.high <= high + 1e-9


def test_rounding_beyond_a_range_does_not_cut_a_value_out_of_its_own_interval() -> None:
    found = within("linear/accuracy", Estimate(value=1 + 1e-9, low=0.9, high=1.2), 6)
    assert found == Estimate(value=1 + 1e-9, low=0.9, high=1 + 1e-9)


@pytest.mark.parametrize("num_models", [2, 3, 4])
def test_cells_of_few_models_have_no_calibration_error_below_zero_and_no_churn_above_one(num_models: int) -> None:
    """C9: two models gave intervals like [.005, 1.433], calibration errors below 0 and churn from -1.3 to 2.5."""
    rng, labels_N = np.random.default_rng(0), np.arange(20) % 2

    def outcome(seed: int, sparsity: Decimal) -> Outcome:
        prediction_N = np.where(rng.random(20) < 0.95 * (sparsity == 0) + 0.6 * (seed == 0), labels_N, 1 - labels_N)
        values = {"linear/accuracy": float((prediction_N == labels_N).mean()), "calibration/error": 0.02 + 0.4 * seed}
        others = {name: rng.random(20) for name in ("q_score_2022/score", "q_score_2024/score", "corruption/correct")}
        depths = {name: rng.integers(0, 5, 20) for name in ("depth/pred", "depth/true")}
        return Outcome(values, {"linear/prediction": prediction_N.astype(np.uint8), **others, **depths})

    cells = {
        (schedule, sparsity): {seed: outcome(seed, sparsity) for seed in range(num_models)}
        for schedule, sparsity in (("dense", Decimal(0)), ("late", Decimal("0.9")))
    }
    task = TaskToScore(name="t", index=0, num_classes=2, train_file=Path(), test_file=Path(), train_digest="",
                       test_digest="", runs=())  # fmt: skip
    measured = {
        cell.schedule: cell.metrics
        for cell in score_cells(Evaluation(), task, labels_N, cells, {cell: stack(own) for cell, own in cells.items()})
    }
    assert "label_change/churn" in measured["late"]
    for metrics in measured.values():
        for name, estimate in metrics.items():
            low, high = range_of(name)
            if num_models < 3:
                assert (estimate.low, estimate.high) == (None, None), name
            elif estimate.low is not None and estimate.high is not None:
                assert low <= estimate.low <= estimate.high <= high, name
