"""Prune potential against a walk along the curve, where it has no crossing, and on grids with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.scoring.metric import GridView, Population
from benchmark.scoring.metrics.prune_potential import MARGIN, METRIC, prune_potential
from benchmark.spec import BootstrapSpec, Evaluation

SPARSITIES = tuple(Decimal(text) for text in ("0.5", "0.8", "0.9"))
EVALUATION = Evaluation(bootstrap=BootstrapSpec(draws=200))


def naive_potential(dense: float, pruned: Sequence[float], sparsities: Sequence[float], steps: int = 20_000) -> float:
    """Walk along the curve in small steps, over every corner, and remember where the error was last good enough."""
    at, errors = [0.0, *sparsities], [dense, *pruned]
    last = 0.0
    for sparsity in sorted([*at, *(at[-1] * step / steps for step in range(steps))]):
        if float(np.interp(sparsity, at, errors)) <= dense + MARGIN:
            last = sparsity
    return last


def single(dense: float, pruned: Sequence[float]) -> float:
    return float(prune_potential(np.array([dense]), np.array([pruned]), SPARSITIES)[0])


@pytest.mark.parametrize(
    ("pruned", "expected"),
    [
        ([0.1, 0.1, 0.1], 0.9),  # never crosses
        ([0.1, 0.105, 0.2], 0.8),  # exactly on the threshold, then away
        ([0.2, 0.2, 0.2], 0.5 * 0.005 / 0.1),  # at once
        ([0.2, 0.1, 0.11], 0.85),  # better again later: the last crossing
        ([0.2, 0.2, 0.05], 0.9),
        ([0.0, 0.01, 0.5], 0.8 + 0.1 * 0.095 / 0.49),  # better than dense first
    ],
)
def test_the_potential_of_curves_read_by_hand(pruned: list[float], expected: float) -> None:
    assert single(0.1, pruned) == pytest.approx(expected, abs=1e-9)


@given(dense=st.floats(0, 0.9), pruned=st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_the_potential_is_where_a_walk_along_the_curve_was_last_good_enough(dense: float, pruned: list[float]) -> None:
    walked = naive_potential(dense, pruned, [0.5, 0.8, 0.9], steps=2_000)
    assert walked - 1e-9 <= single(dense, pruned) <= walked + 0.9 / 2_000 + 1e-9


def test_many_curves_at_once_are_read_like_single_ones() -> None:
    rng = np.random.default_rng(0)
    dense_R, pruned_RJ = rng.uniform(0, 0.05, 40), rng.uniform(0, 0.1, (40, 3))
    together = prune_potential(dense_R, pruned_RJ, SPARSITIES)
    assert together.tolist() == [single(dense, pruned) for dense, pruned in zip(dense_R, pruned_RJ, strict=True)]


def grid_of(seed: int = 0, corrupted: bool = True, num_models: int = 4, num_examples: int = 200) -> GridView:
    rng = np.random.default_rng(seed)
    labels_N = rng.integers(0, 3, num_examples)

    def population(error: float) -> Population:
        wrong_KN = rng.random((num_models, num_examples)) < error
        examples = {"linear/prediction": ((labels_N + wrong_KN) % 3).astype(np.uint8)}
        if not corrupted:
            return Population({}, examples)
        share_KN = np.clip(1 - 2 * error + 0.1 * rng.normal(size=wrong_KN.shape), 0, 1).astype(np.float32)
        accuracy_K = 1 - 3 * error + 0.01 * rng.normal(size=num_models)
        return Population({"corruption/accuracy:jpeg": accuracy_K}, {**examples, "corruption/correct": share_KN})

    cells = {
        (schedule, sparsity): population(error)
        for schedule, worse in (("early", 0.02), ("late", 0.0), ("random", 0.3))
        for sparsity, error in zip(SPARSITIES, (0.05 + worse, 0.06 + worse, 0.1 + worse), strict=True)
    }
    return GridView(population(0.05), cells, ("early", "late"), SPARSITIES, labels_N, 3)


def test_every_kind_of_potential_comes_from_its_own_errors() -> None:
    grid = grid_of()
    found = METRIC.measure(grid, EVALUATION)

    def expected(error: dict[str, list[float]]) -> dict[str, float]:
        return {name: naive_potential(values[0], values[1:], [0.5, 0.8, 0.9]) for name, values in error.items()}

    def curve(schedule: str) -> list[Population]:
        return [grid.dense, *(grid.cells[schedule, sparsity] for sparsity in SPARSITIES)]

    clean = expected(
        {
            name: [float((each.examples["linear/prediction"] != grid.test_labels).mean()) for each in curve(name)]
            for name in ("early", "late")
        }
    )
    corrupted = expected(
        {
            name: [1 - float(each.examples["corruption/correct"].astype(float).mean()) for each in curve(name)]
            for name in ("early", "late")
        }
    )
    jpeg = expected(
        {
            name: [1 - float(each.values["corruption/accuracy:jpeg"].mean()) for each in curve(name)]
            for name in ("early", "late")
        }
    )
    wanted = {
        "prune_potential/clean": sum(clean.values()) / 2,
        "prune_potential/clean:early": clean["early"],
        "prune_potential/clean:late": clean["late"],
        "prune_potential/corrupted": sum(corrupted.values()) / 2,
        "prune_potential/corrupted:early": corrupted["early"],
        "prune_potential/corrupted:late": corrupted["late"],
        "prune_potential/corruption:jpeg": sum(jpeg.values()) / 2,
    }
    assert {name: estimate.value for name, estimate in found.items()} == pytest.approx(wanted, abs=1e-4)
    for name in list(wanted)[:6]:
        low, high = found[name].low, found[name].high
        assert low is not None
        assert high is not None
        assert 0 <= low < high <= 0.9


def test_without_corruptions_only_the_clean_potential_is_given() -> None:
    assert set(METRIC.measure(grid_of(corrupted=False), EVALUATION)) == {
        "prune_potential/clean",
        "prune_potential/clean:early",
        "prune_potential/clean:late",
    }


def test_a_missing_cell_or_model_leaves_its_schedule_and_the_mean_undefined() -> None:
    whole = grid_of()
    short = {
        key: Population({}, {name: array[:2] for name, array in cell.examples.items()})
        for key, cell in whole.cells.items()
        if key == ("early", Decimal("0.8"))
    }
    missing = {key: cell for key, cell in whole.cells.items() if key != ("early", Decimal("0.8"))}
    for cells in (missing, {**whole.cells, **short}):
        broken = GridView(whole.dense, cells, whole.ranked_schedules, SPARSITIES, whole.test_labels, 3)
        found = METRIC.measure(broken, EVALUATION)
        undefined = {name for name, estimate in found.items() if estimate.value is None}
        assert {"prune_potential/clean", "prune_potential/clean:early", "prune_potential/corrupted"} <= undefined
        assert found["prune_potential/clean:late"] == METRIC.measure(whole, EVALUATION)["prune_potential/clean:late"]


def test_models_that_all_agree_have_an_interval_of_no_width() -> None:
    labels_N = np.zeros(10, np.int64)
    perfect = Population({}, {"linear/prediction": np.zeros((4, 10), np.uint8)})
    cells = {("late", sparsity): perfect for sparsity in SPARSITIES}
    found = METRIC.measure(GridView(perfect, cells, ("late",), SPARSITIES, labels_N, 2), EVALUATION)
    estimate = found["prune_potential/clean"]
    assert (estimate.value, estimate.low, estimate.high) == (0.9, 0.9, 0.9)
