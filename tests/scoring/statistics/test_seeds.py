"""The worst seed from the formula, and how often two groups are seen where there is one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmark.scoring.statistics.seeds import Run, score_per_seed, two_groups, worst_seed

SPARSITIES = (0.5, 0.9, 0.98)
ACCURACY: dict[Run, float] = {
    (task, schedule, sparsity, seed): 0.9 - 0.1 * place - 0.05 * seed - (0.2 if task == "b" else 0)
    - (0.1 if schedule == "late" else 0)
    for task in ("a", "b") for schedule in ("early", "late", "control") for place, sparsity in enumerate(SPARSITIES)
    for seed in range(3)
} | {(task, "dense", 0.0, seed): 0.95 - 0.05 * seed for task in ("a", "b") for seed in range(3)}  # fmt: skip
CHANCE = {"a": 0.1, "b": 0.5}


def naive_score(seed: int, schedules: tuple[str, ...]) -> float:
    """Trapezoids over log2 compression, one at a time."""
    x = [math.log2(1 / (1 - sparsity)) for sparsity in SPARSITIES]
    areas: list[float] = []
    for task, chance in CHANCE.items():
        for schedule in schedules:
            y = [(ACCURACY[task, schedule, sparsity, seed] - chance) / (1 - chance) for sparsity in SPARSITIES]
            areas.append(sum((y[i] + y[i + 1]) / 2 * (x[i + 1] - x[i]) for i in range(2)) / (x[2] - x[0]))
    return sum(areas) / len(areas)


def test_the_score_of_a_seed_is_the_area_under_its_own_accuracies() -> None:
    found = score_per_seed(ACCURACY, CHANCE, ("early", "late"), SPARSITIES)
    assert found == {seed: pytest.approx(naive_score(seed, ("early", "late"))) for seed in range(3)}


def test_the_worst_seed_is_given_for_the_score_for_every_schedule_and_for_dense_models() -> None:
    found = worst_seed(ACCURACY, CHANCE, ("early", "late"), SPARSITIES, 3)
    assert found == {
        "robustness/score": pytest.approx(naive_score(2, ("early", "late"))),
        "robustness/score:early": pytest.approx(naive_score(2, ("early",))),
        "robustness/score:late": pytest.approx(naive_score(2, ("late",))),
        "robustness/dense": pytest.approx(((0.85 - 0.1) / 0.9 + (0.85 - 0.5) / 0.5) / 2),
    }


def test_where_a_run_is_missing_there_is_no_worst_seed() -> None:
    without = {key: value for key, value in ACCURACY.items() if key != ("b", "late", 0.9, 1)}
    assert worst_seed(without, CHANCE, ("early", "late"), SPARSITIES, 3) is None
    assert list(score_per_seed(without, CHANCE, ("early", "late"), SPARSITIES)) == [0, 2]
    assert worst_seed({}, CHANCE, ("early",), SPARSITIES, 3) is None


def test_seeds_that_collapsed_are_two_groups_and_the_sentence_says_where() -> None:
    found = two_groups([0.8, 0.81, 0.35, 0.79, 0.8, 0.33])
    assert found is not None
    assert found == (2, 4, 0.35, 0.79)
    assert "2 of 6 score at most 0.350, the others at least 0.790" in found.sentence


def test_small_gaps_and_few_seeds_are_no_groups() -> None:
    assert two_groups([0.8, 0.8, 0.8, 0.8, 0.8, 0.785]) is None  # closer than .02
    assert two_groups([0.9, 0.9, 0.9, 0.1]) is None  # too few to tell
    assert two_groups([]) is None


@pytest.mark.parametrize(("num_seeds", "nominal"), [(6, 0.013), (8, 0.001), (10, 0.0001)])
def test_one_group_is_rarely_called_two(num_seeds: int, nominal: float) -> None:
    """The rate that the rule states, on 10,000 draws of a wide normal distribution, within its Monte Carlo error."""
    draws = np.random.default_rng(0).normal(0, 1, (10_000, num_seeds))
    alarms = sum(two_groups(row.tolist()) is not None for row in draws)
    error = math.sqrt(nominal * (1 - nominal) * len(draws))
    assert alarms <= nominal * len(draws) + 4 * error
