"""The report's effects equal what is written out naively, and their standard errors are those of repetitions."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.scoring.statistics.models_and_images import population_of
from leaderboard.report.effects import kept_influence, shared_mistakes


def _models(rng: np.random.Generator, rate: float, num_models: int, hard_N: NDArray[Any]) -> NDArray[np.float64]:
    """Models that differ a little, on images that are hard for all of them alike."""
    level_K1 = rate + rng.normal(0, 0.02, (num_models, 1))
    return (rng.random((num_models, len(hard_N))) < np.clip(level_K1 - hard_N, 0, 1)).astype(np.float64)


def test_the_mean_influence_is_the_knowledge_kept() -> None:
    rng = np.random.default_rng(1)
    dense_KN, sparse_KN = _models(rng, 0.9, 6, np.zeros(200)), _models(rng, 0.7, 6, np.zeros(200))
    expected = (sparse_KN.mean() - 0.4) / (dense_KN.mean() - 0.4)
    assert kept_influence(dense_KN, sparse_KN, 0.4).mean() == pytest.approx(expected)
    with pytest.raises(ValueError, match="know more than untrained"):
        kept_influence(dense_KN, sparse_KN, 0.95)


def test_the_standard_error_of_knowledge_kept_is_its_spread_over_repetitions() -> None:
    rng = np.random.default_rng(2)
    values: list[float] = []
    errors: list[float] = []
    for _ in range(300):
        hard_N = rng.uniform(0, 0.2, 400)
        estimate = population_of([
            kept_influence(_models(rng, 0.95, 6, hard_N), _models(rng, 0.75, 6, hard_N), 0.4)
        ]).estimate  # fmt: skip
        values.append(estimate.value)
        errors.append(estimate.error)
    assert float(np.sqrt(np.mean(np.square(errors)))) == pytest.approx(float(np.std(values)), rel=0.2)


def _naive(forgotten: dict[tuple[str, str], NDArray[np.bool_]]) -> tuple[float, float]:
    """Pairs of models, written out: sums of intersections over sums of unions, per cell or pair of cells."""

    def share(pairs: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> float:
        return sum((a & b).sum() for a, b in pairs) / sum((a | b).sum() for a, b in pairs)

    within = [share(list(combinations(flags, 2))) for flags in forgotten.values()]
    between = [
        share([(a, b) for i, a in enumerate(one) for j, b in enumerate(two) if first[0] != second[0] or i != j])
        for (first, one), (second, two) in combinations(forgotten.items(), 2)
    ]
    return float(np.mean(within)), float(np.mean(between))


def _cells(rng: np.random.Generator, own: float, num_images: int = 500) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """Two methods under two schedules; a share `own` of what a cell tends to forget is its own."""
    common_N = rng.random(num_images) < 0.2
    made: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for cell in (("a", "early"), ("a", "late"), ("b", "early"), ("b", "late")):
        others_N = rng.random(num_images) < 0.2
        mine_N = np.where(rng.random(num_images) < own, others_N, common_N)
        made[cell] = mine_N & (rng.random((6, num_images)) < 0.6)
    return made


def test_shared_mistakes_equal_pairs_of_models_written_out() -> None:
    forgotten = _cells(np.random.default_rng(3), 0.3)
    found = shared_mistakes(forgotten)
    assert found is not None
    assert (found.within, found.between) == pytest.approx(_naive(forgotten))
    assert found.unique.value == pytest.approx(1 - found.between / found.within)
    assert found.unique.freedom == 5


@pytest.mark.parametrize(("own", "low", "high"), [(0.0, -0.02, 0.02), (1.0, 0.75, 0.95)])
def test_mistakes_of_nobody_in_particular_are_not_unique_and_own_ones_are(own: float, low: float, high: float) -> None:
    """Two seeds share .43 of their mistakes here; two cells that share everything else share as much, and no more."""
    found = shared_mistakes(_cells(np.random.default_rng(4), own, 5000))
    assert found is not None
    assert found.within == pytest.approx(0.43, abs=0.03)
    assert low < found.unique.value < high


def test_the_interval_of_what_is_unique_covers_it() -> None:
    rng = np.random.default_rng(7)
    large = shared_mistakes(_cells(rng, 0.4, 30_000))
    assert large is not None
    intervals = [found.unique.interval(0.95) for _ in range(40) if (found := shared_mistakes(_cells(rng, 0.4)))]
    assert sum(each.low <= large.unique.value <= each.high for each in intervals) >= 35


def test_too_little_to_compare_gives_nothing() -> None:
    forgotten = _cells(np.random.default_rng(8), 0.5)
    assert shared_mistakes({("a", "early"): forgotten["a", "early"]}) is None
    assert shared_mistakes({cell: flags[:2] for cell, flags in forgotten.items()}) is None
    assert shared_mistakes({cell: np.zeros_like(flags) for cell, flags in forgotten.items()}) is None
