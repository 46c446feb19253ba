"""The robustness score from its formula, its interval, and what an incomplete grid gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmark.scoring.metric import Estimate, GridView, Population
from benchmark.scoring.metrics.robustness import METRIC
from benchmark.scoring.statistics.bootstrap import bootstrap_draws
from benchmark.spec import BootstrapSpec, Evaluation

SPARSITIES = tuple(Decimal(text) for text in ("0.5", "0.8", "0.9", "0.95", "0.98"))
EVALUATION = Evaluation(bootstrap=BootstrapSpec(draws=400))


def random_grid(
    seed: int = 0,
    num_models: int = 4,
    num_examples: int = 60,
    num_classes: int = 5,
    sparsities: Sequence[Decimal] = SPARSITIES,
    dense_share: float = 0.9,
) -> GridView:
    """A grid whose accuracy falls with sparsity, with a control beside two ranked schedules."""
    rng = np.random.default_rng(seed)
    labels_N = rng.integers(0, num_classes, num_examples)

    def population(share: float) -> Population:
        guess_KN = rng.integers(0, num_classes, (num_models, num_examples))
        known_KN = rng.random((num_models, num_examples)) < share + 0.05 * rng.normal(size=(num_models, 1))
        return Population({}, {"linear/prediction": np.where(known_KN, labels_N, guess_KN).astype(np.uint8)})

    cells = {
        (schedule, sparsity): population(dense_share - slope * index)
        for schedule, slope in (("early", 0.05), ("one-shot", 0.15), ("random", 0.2))
        for index, sparsity in enumerate(sparsities)
    }
    return GridView(
        population(dense_share), cells, ("early", "one-shot"), tuple(sparsities), labels_N.astype(np.int64), num_classes
    )


def accuracy(grid: GridView, population: Population) -> float:
    right = [
        prediction == label
        for row in population.examples["linear/prediction"].tolist()
        for prediction, label in zip(row, grid.test_labels.tolist(), strict=True)
    ]
    corrected = (sum(right) / len(right) - 1 / grid.num_classes) / (1 - 1 / grid.num_classes)
    return float(corrected)


def naive_score(grid: GridView, schedule: str, lowest: float = 0) -> float:
    """Trapezoids over log2 compression, one at a time."""
    points = [
        (math.log2(1 / (1 - float(sparsity))), accuracy(grid, grid.cells[schedule, sparsity]))
        for sparsity in grid.sparsities
        if float(sparsity) >= lowest
    ]
    area = sum((y0 + y1) / 2 * (x1 - x0) for (x0, y0), (x1, y1) in pairwise(points))
    return area / (points[-1][0] - points[0][0])


def without(grid: GridView, **changes: object) -> GridView:
    return GridView(**{**vars(grid), **changes})  # pyright: ignore[reportArgumentType]


def test_the_score_and_its_variants_agree_with_trapezoids_drawn_by_hand() -> None:
    grid = random_grid()
    estimates = METRIC.measure(grid, EVALUATION)
    early, one_shot = naive_score(grid, "early"), naive_score(grid, "one-shot")
    expected = {
        "robustness/dense": accuracy(grid, grid.dense),
        "robustness/score:early": early,
        "robustness/score:one-shot": one_shot,
        "robustness/score": (early + one_shot) / 2,
        "robustness/score_high": (naive_score(grid, "early", 0.9) + naive_score(grid, "one-shot", 0.9)) / 2,
        "robustness/retention": (early + one_shot) / 2 / accuracy(grid, grid.dense),
    }
    assert {name: estimate.value for name, estimate in estimates.items()} == pytest.approx(expected, abs=1e-12)
    for estimate in estimates.values():
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.low < estimate.high


def test_with_ten_models_the_interval_is_the_percentile_bootstrap_over_models_and_examples() -> None:
    grid = random_grid(num_models=10)
    one_schedule = without(grid, ranked_schedules=("early",))
    correct_JKN = np.stack(
        [grid.cells["early", s].examples["linear/prediction"] == grid.test_labels for s in SPARSITIES]
    ).astype(np.float64)
    draws_RJ = (bootstrap_draws(correct_JKN, 400, seed=0) - 1 / 5) / (1 - 1 / 5)
    positions_J = [math.log2(1 / (1 - float(sparsity))) for sparsity in SPARSITIES]
    scores_R = np.trapezoid(draws_RJ, positions_J, axis=1) / (positions_J[-1] - positions_J[0])
    dense_KN = (grid.dense.examples["linear/prediction"] == grid.test_labels).astype(np.float64)
    dense_R = (bootstrap_draws(dense_KN[None], 400, seed=0)[:, 0] - 1 / 5) / (1 - 1 / 5)
    estimates = METRIC.measure(one_schedule, EVALUATION)
    for name, draws_R in (("score", scores_R), ("retention", scores_R / dense_R)):
        bounds = np.quantile(draws_R, [0.025, 0.975])
        estimate = estimates[f"robustness/{name}"]
        assert (estimate.low, estimate.high) == pytest.approx(tuple(bounds), abs=1e-5)


def test_below_ten_models_a_wider_t_interval_over_models_is_given_instead() -> None:
    grid = random_grid(num_models=3, num_examples=4000)
    per_model_K = np.array([
        accuracy(grid, Population({}, {"linear/prediction": row[None]}))
        for row in grid.dense.examples["linear/prediction"]
    ])  # fmt: skip
    oracle = stats.ttest_1samp(per_model_K, 0).confidence_interval(0.95)
    dense = METRIC.measure(grid, EVALUATION)["robustness/dense"]
    assert (dense.low, dense.high) == pytest.approx((oracle.low, min(oracle.high, 1)), abs=1e-9)


def test_with_one_model_the_bootstrap_alone_is_given() -> None:
    estimate = METRIC.measure(random_grid(num_models=1), EVALUATION)["robustness/score"]
    assert estimate.low is not None
    assert estimate.value is not None
    assert estimate.low < estimate.value


def test_a_perfect_grid_scores_one_without_width() -> None:
    grid = random_grid()
    perfect = Population({}, {"linear/prediction": np.tile(grid.test_labels, (4, 1))})
    estimates = METRIC.measure(without(grid, dense=perfect, cells=dict.fromkeys(grid.cells, perfect)), EVALUATION)
    for estimate in estimates.values():
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((1, 1, 1), abs=1e-6)
        assert estimate.value is not None
        assert estimate.value <= 1 + 1e-12


def test_a_representation_that_knows_nothing_has_no_retention() -> None:
    grid = random_grid()
    wrong = Population({}, {"linear/prediction": np.tile((grid.test_labels + 1) % 5, (4, 1))})
    estimates = METRIC.measure(without(grid, dense=wrong), EVALUATION)
    assert estimates["robustness/dense"].value == pytest.approx(-1 / 4)
    assert estimates["robustness/retention"] == Estimate(value=None)


def test_retention_has_no_bounds_where_a_draw_leaves_the_dense_models_below_chance() -> None:
    grid = random_grid(seed=1, num_examples=20, dense_share=0.2)
    estimates = METRIC.measure(grid, EVALUATION)
    assert estimates["robustness/dense"].value is not None
    assert 0 < estimates["robustness/dense"].value < 0.3
    assert estimates["robustness/retention"].value is not None
    assert estimates["robustness/retention"].low is None


def test_fewer_than_two_high_sparsities_have_no_high_score() -> None:
    grid = random_grid(sparsities=SPARSITIES[:3])
    estimates = METRIC.measure(grid, EVALUATION)
    assert estimates["robustness/score_high"] == Estimate(value=None)
    assert estimates["robustness/score"].value is not None


def test_a_missing_cell_or_model_is_never_averaged_away() -> None:
    grid = random_grid()
    hole = ("early", Decimal("0.9"))
    short = Population({}, {"linear/prediction": grid.cells[hole].examples["linear/prediction"][:-1]})
    for cells in ({key: cell for key, cell in grid.cells.items() if key != hole}, {**grid.cells, hole: short}):
        estimates = METRIC.measure(without(grid, cells=cells), EVALUATION)
        for name in ("score", "score_high", "score:early", "retention"):
            assert estimates[f"robustness/{name}"] == Estimate(value=None)
        assert estimates["robustness/score:one-shot"].value == pytest.approx(naive_score(grid, "one-shot"))


def test_controls_do_not_count() -> None:
    grid = random_grid()
    ranked = {key: cell for key, cell in grid.cells.items() if key[0] != "random"}
    assert METRIC.measure(grid, EVALUATION) == METRIC.measure(without(grid, cells=ranked), EVALUATION)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), num_models=st.integers(1, 12), num_classes=st.integers(2, 12))
def test_scores_and_bounds_stay_in_their_range_in_any_order_of_models_and_classes(
    seed: int, num_models: int, num_classes: int
) -> None:
    grid = random_grid(seed, num_models, 20, num_classes)
    rng = np.random.default_rng(seed)
    models_K, names_C = rng.permutation(num_models), rng.permutation(num_classes)

    def shuffled(population: Population) -> Population:
        return Population({}, {"linear/prediction": names_C[population.examples["linear/prediction"]][models_K]})

    before = METRIC.measure(grid, EVALUATION)
    after = METRIC.measure(
        without(
            grid,
            dense=shuffled(grid.dense),
            cells={key: shuffled(cell) for key, cell in grid.cells.items()},
            test_labels=names_C[grid.test_labels],
        ),
        EVALUATION,
    )
    for name, estimate in before.items():
        assert after[name].value == pytest.approx(estimate.value, abs=1e-12)
        if name != "robustness/retention":
            numbers = [estimate.low, estimate.value, estimate.high]
            assert all(n is not None and -1 / (num_classes - 1) <= n <= 1 for n in numbers)


def test_every_number_of_the_metric_has_a_column() -> None:
    columns = {column.name for column in METRIC.columns}
    assert columns == {name.replace("early", "<schedule>") for name in METRIC.measure(random_grid(), EVALUATION)} - {
        "robustness/score:one-shot"
    } | {"robustness/knowledge_kept"}  # where untrained encoders were read: `test_knowledge.py`
