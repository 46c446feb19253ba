"""Whether the order of two submissions survives other ways of reading the same models. Pure.

It owns what the readings are: the robustness score itself; with ten times and a tenth of the probe's penalty; by kNN in
place of the probe; under every ranked schedule alone; at every sparsity alone; and per compute. What was not measured
counts neither for an order nor against it. No reading is a test: `separation.py` says what is separated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.scoring.metric_names import KNN_ACCURACY, PENALTY_SCORE, PROBE_ACCURACY, ROBUSTNESS_SCORE
from benchmark.scoring.score_math import area_over_compression, chance_corrected

NOT_MEASURED = "not measured"

BY_SCORE, BY_NEIGHBOURS, BY_COMPUTE = "robustness score", "kNN in place of the probe", "score per compute"
BY_OTHER_PENALTIES = "other penalties"
"""Stands for both of them where neither was measured."""

Readings = Mapping[str, float | None]
"""By name of a reading, the number that orders submissions, higher is better; None where it was not measured."""

Cell = tuple[str, str, float, str]
"""Task, schedule, sparsity and metric of a number of a cell."""


@dataclass(frozen=True)
class Measured:
    """The numbers of one evaluation.

    Attributes:
        summary: numbers of the whole submission, by name.
        cells: numbers of cells.
        chance: per task, the accuracy of guessing.
        schedules: ranked ones.
        sparsities: pruned ones, increasing.
        score_per_compute: higher is better; None where compute was not measured.
    """

    summary: Mapping[str, float]
    cells: Mapping[Cell, float]
    chance: Mapping[str, float]
    schedules: Sequence[str]
    sparsities: Sequence[float]
    score_per_compute: float | None

    def score(self, accuracy: str, sparsities: Sequence[float]) -> float | None:
        """Return the robustness score from one accuracy over some sparsities; None where a cell lacks it."""
        areas = [
            area_over_compression(
                sparsities,
                [chance_corrected(self.cells.get((task, schedule, sparsity, accuracy), math.nan), chance)
                 for sparsity in sparsities],
            )
            for task, chance in self.chance.items() for schedule in self.schedules
        ] if sparsities else []  # fmt: skip
        mean = float(np.mean(areas)) if areas else math.nan
        return mean if math.isfinite(mean) else None


def readings(measured: Measured) -> dict[str, float | None]:
    """Read one evaluation in every way that its numbers allow.

    Args:
        measured: its numbers; those that are missing or not finite were not measured.
    """
    begin, known = f"{PENALTY_SCORE}:", {name: x for name, x in measured.summary.items() if math.isfinite(x)}
    penalties = {name.removeprefix(begin): x for name, x in known.items() if name.startswith(begin)}
    made = {BY_SCORE: known.get(ROBUSTNESS_SCORE)}
    made |= {f"penalty {name}": penalties[name] for name in sorted(penalties, key=float)} or {BY_OTHER_PENALTIES: None}
    made[BY_NEIGHBOURS] = measured.score(KNN_ACCURACY, measured.sparsities)
    made |= {f"{name} alone": known.get(f"{ROBUSTNESS_SCORE}:{name}") for name in measured.schedules}
    made |= {f"{100 * s:.4g} % alone": measured.score(PROBE_ACCURACY, [s]) for s in measured.sparsities}
    return {**made, BY_COMPUTE: measured.score_per_compute}


@dataclass(frozen=True)
class Survival:
    """How far an order of two submissions holds: `first` before `second`.

    Attributes:
        agreeing: readings in which the first is ahead.
        against: readings in which it is not: the second is ahead, or both are equal.
        missing: readings that were not measured of both.
    """

    first: str
    second: str
    agreeing: tuple[str, ...]
    against: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def num_measured(self) -> int:
        """Readings that both have."""
        return len(self.agreeing) + len(self.against)

    @property
    def sentence(self) -> str:
        """Say it in one line, such as `supervised > supcon in 9 of 9 readings`."""
        said = f"{self.first} > {self.second} in {len(self.agreeing)} of {self.num_measured} readings"
        said += f"; not: {', '.join(self.against)}" if self.against else ""
        return said + (f"; {NOT_MEASURED}: {', '.join(self.missing)}" if self.missing else "")


def survival(first: tuple[str, Readings], second: tuple[str, Readings]) -> Survival:
    """Count the readings in which one submission is ahead of another.

    Args:
        first: name and readings of the one that is ahead by the robustness score.
        second: the same of the other one.

    Example:
        >>> one, two = {"score": 0.9, "kNN": 0.7, "penalty": None}, {"score": 0.8, "kNN": 0.75, "penalty": 0.8}
        >>> survival(("a", one), ("b", two)).sentence
        'a > b in 1 of 2 readings; not: kNN; not measured: penalty'
    """
    agreeing: list[str] = []
    against: list[str] = []
    missing: list[str] = []
    for name in in_order(first[1], second[1]):
        one, two = first[1].get(name), second[1].get(name)
        if one is None or two is None:
            missing.append(name)
        else:
            (agreeing if one > two else against).append(name)
    return Survival(first[0], second[0], tuple(agreeing), tuple(against), tuple(missing))


def in_order(first: Readings, second: Readings) -> list[str]:
    """Name the readings of two submissions, each once; penalties by themselves where one of both knows them."""
    names = list(dict.fromkeys([*first, *second]))
    known = any(name.startswith("penalty ") for name in names)
    return [name for name in names if not (known and name == BY_OTHER_PENALTIES)]
