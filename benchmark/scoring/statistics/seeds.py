"""What single seeds score: the worst of them, and whether they fall into two groups.

No interval over models survives seeds that collapse: where a tenth of them does, 95 % intervals cover .47 to .66. So
the worst seed is shown beside the mean, and two groups are said in words. It owns both rules.

Shapes: K seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric_names import ROBUSTNESS_DENSE, ROBUSTNESS_SCORE
from benchmark.scoring.score_math import area_over_compression, chance_corrected

GAP_RATIO, LEAST_GAP, FEWEST_SEEDS = 3.0, 0.02, 5
"""Two groups: the largest gap between neighbours is at least three times all others together, and at least .02."""

Run = tuple[str, str, float, int]
"""Task, schedule, sparsity and seed of a run."""


class SeedGroups(NamedTuple):
    """How many seeds are below and above the gap, and the score on each side of it."""

    num_below: int
    num_above: int
    below: float
    above: float

    @property
    def sentence(self) -> str:
        """Say it in words."""
        total = self.num_below + self.num_above
        return (
            f"seeds fall into two groups: {self.num_below} of {total} score at most {self.below:.3f}, the others at "
            f"least {self.above:.3f}; the mean describes neither and its interval cannot be relied on"
        )


def score_per_seed(
    accuracy: Mapping[Run, float], chance: Mapping[str, float], schedules: Sequence[str], sparsities: Sequence[float]
) -> dict[int, float]:
    """Return the robustness score of every seed that has all runs.

    Args:
        accuracy: of the linear probe, per run.
        chance: per task, the accuracy of guessing.
        schedules: over which it is averaged.
        sparsities: increasing; one alone gives the chance-corrected accuracy there.

    Example:
        >>> runs = {("t", "late", 0.5, 0): 1.0, ("t", "late", 0.75, 0): 0.75, ("t", "late", 0.5, 1): 1.0}
        >>> score_per_seed(runs, {"t": 0.5}, ["late"], [0.5, 0.75])
        {0: 0.75}
    """
    if not chance or not schedules or not sparsities:
        return {}
    seeds = sorted({seed for *_, seed in accuracy})
    areas_K: list[NDArray[np.float64]] = []
    for task, guessing in chance.items():
        for schedule in schedules:
            rows = [[accuracy.get((task, schedule, s, seed), np.nan) for seed in seeds] for s in sparsities]
            areas_K.append(area_over_compression(sparsities, chance_corrected(np.array(rows), guessing)))
    scores_K = np.mean(areas_K, axis=0)
    return {seed: float(score) for seed, score in zip(seeds, scores_K, strict=True) if np.isfinite(score)}


def two_groups(scores: Sequence[float]) -> SeedGroups | None:
    """Say whether seeds fall into two groups.

    They do where the largest gap between neighbouring scores is at least `GAP_RATIO` times the sum of all other gaps
    and at least `LEAST_GAP`. A simple rule, stated before looking. Its rate of false alarms, 200,000 draws from one
    normal distribution each: .013 for 6 seeds, .001 for 8, .0001 for 10; from Student's t with 5 degrees .024, .006
    and .003; less where the spread is small, because of the second condition. Below five seeds nothing is said, because
    .15 of samples of four would be flagged.

    Args:
        scores: finite numbers, one per seed.

    Example:
        >>> two_groups([0.81, 0.8, 0.82, 0.81, 0.8, 0.2]).sentence[:50]
        'seeds fall into two groups: 1 of 6 score at most 0'
        >>> two_groups([0.81, 0.8, 0.82, 0.81, 0.8, 0.78]) is None
        True
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    if len(ordered) < FEWEST_SEEDS:
        return None
    gaps = np.diff(ordered)
    place = int(gaps.argmax())
    largest, others = float(gaps[place]), float(gaps.sum() - gaps[place])
    if largest < LEAST_GAP or largest < GAP_RATIO * others:
        return None
    return SeedGroups(place + 1, len(ordered) - place - 1, float(ordered[place]), float(ordered[place + 1]))


def worst_seed(
    accuracy: Mapping[Run, float], chance: Mapping[str, float], schedules: Sequence[str], sparsities: Sequence[float],
    num_seeds: int,
) -> dict[str, float] | None:
    """Return by name of a summary number its value for the seed where it is worst.

    Args:
        accuracy: of the linear probe, per run, dense runs (schedule `dense`, sparsity 0) included.
        chance: per task, the accuracy of guessing.
        schedules: ranked ones.
        sparsities: increasing.
        num_seeds: how many seeds the specification asks for.

    Returns:
        `robustness/score`, one per schedule, and `robustness/dense`; None where a seed lacks a run.
    """
    of: dict[str, tuple[Sequence[str], Sequence[float]]] = {ROBUSTNESS_SCORE: (schedules, sparsities)}
    of |= {f"{ROBUSTNESS_SCORE}:{name}": ([name], sparsities) for name in schedules}
    of[ROBUSTNESS_DENSE] = (["dense"], [0.0])
    found = {name: score_per_seed(accuracy, chance, *grid) for name, grid in of.items()}
    if any(len(scores) < max(num_seeds, 1) for scores in found.values()):
        return None
    return {name: min(scores.values()) for name, scores in found.items()}
