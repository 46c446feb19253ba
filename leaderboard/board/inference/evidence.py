"""The evidence of one evaluation: its score per test image, and the planned differences between its own schedules.

Condensed from the areas per model and test image beside a record (`benchmark.scoring.areas`), so small that a board of
hundreds of evaluations keeps it all. Pure.

Shapes: K models, N test images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.score_math import FEWEST_MODELS
from benchmark.scoring.statistics.models_and_images import Population, population_of

Areas = Mapping[str, Mapping[str, NDArray[Any]]]
"""Per task and schedule, the area of every model on every test image, (K, N_t), models in the order of their seeds."""


@dataclass(frozen=True)
class SettingGap:
    """One planned difference between two schedules of the same models: first minus second in area.

    Attributes:
        first, second: names of the schedules.
        difference: mean over models, images and tasks.
        p: two-sided, over models and images.
        error: standard error of the difference.
        freedom: its degrees of freedom.
    """

    first: str
    second: str
    difference: float
    p: float
    error: float
    freedom: float


@dataclass(frozen=True)
class Evidence:
    """What a board keeps of the areas of one evaluation.

    Attributes:
        score: the robustness score: the mean over tasks and ranked schedules.
        gaps: every planned difference between two schedules.
    """

    score: Population
    gaps: tuple[SettingGap, ...]

    @property
    def images(self) -> int:
        """Number of test images; evaluations of one arena that have the same number are about the same images."""
        return len(self.score.images_N)

    def comparable(self, other: Evidence) -> bool:
        """Say whether both are about the same test images."""
        return self.images == other.images


def planned_pairs(schedules: Sequence[str], controlled: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield every pair of ranked schedules, then every schedule beside its control.

    Args:
        schedules: ranked ones.
        controlled: per control the schedule that it differs from in its criterion only.
    """
    yield from combinations(schedules, 2)
    yield from ((schedule, control) for control, schedule in sorted(controlled.items()))


def evidence_of(
    areas: Areas, tasks: Sequence[str], schedules: Sequence[str], controlled: Mapping[str, str]
) -> Evidence | None:
    """Condense the areas of one evaluation.

    Args:
        areas: of every task and schedule, controls included.
        tasks: all that are scored.
        schedules: all that are ranked.
        controlled: per control the schedule that it differs from in its criterion only.

    Returns:
        None where a task or a ranked schedule is missing, or there are fewer than `FEWEST_MODELS` models or two images.
    """
    if not tasks or not schedules or any(name not in areas.get(task, {}) for task in tasks for name in schedules):
        return None
    try:
        score = population_of([np.mean([areas[task][name] for name in schedules], axis=0) for task in tasks])
        gaps = [
            _gap(areas, tasks, first, second)
            for first, second in planned_pairs(schedules, controlled)
            if all(first in areas[task] and second in areas[task] for task in tasks)
        ]
    except ValueError:  # fewer than two models or images, or models that not every schedule has
        return None
    if score.num_models < FEWEST_MODELS:
        return None
    # As single precision holds it, because that is what the cache of a board keeps.
    images_N = score.images_N.astype(np.float32).astype(np.float64)
    return Evidence(replace(score, images_N=images_N), tuple(gaps))


def _gap(areas: Areas, tasks: Sequence[str], first: str, second: str) -> SettingGap:
    difference = population_of(
        [np.subtract(areas[task][first], areas[task][second], dtype=np.float64) for task in tasks]
    )
    spread = difference.estimate
    return SettingGap(first, second, difference.value, difference.p, spread.error, spread.freedom)
