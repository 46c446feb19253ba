"""Whether what a claim says holds when the same models are read in other ways: one panel per claim. Pure.

It owns which readings each claim has. No reading is a test, and readings of the same models are no independent ones.
The reading that is tested is among them, as the first. A reading is a number that is above 0 where the claim says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from benchmark.scoring.metric_names import (
    EXCESS_PIE,
    KNN_ACCURACY,
    PENALTY_ACCURACY,
    PROBE_ACCURACY,
    ROBUSTNESS_RETENTION,
)
from leaderboard.board.board import DENSE, Board, Entry
from leaderboard.board.inference.sensitivity import NOT_MEASURED, Measured
from leaderboard.board.wording import percent
from leaderboard.report.effects import Cell, Flags, unique_beyond_seeds
from leaderboard.report.findings import EARLY, LARGELY, REFERENCE, Findings, Method
from leaderboard.report.numbers import cell, mean_cell, summary

BY_AREA, BY_NEIGHBOURS = "area", "area by kNN"
PIE_JACCARD = "pie_overlap/jaccard"

Readings = Mapping[str, float]
"""By name of a reading, its number, NaN where it was not measured."""


@dataclass(frozen=True)
class Panel:
    """How many readings say the same of one method or pair.

    Attributes:
        agreeing: names of the readings that are as the claim says.
        against: those that are not.
        missing: those that were not measured.
    """

    agreeing: tuple[str, ...]
    against: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Say it in short, such as `7 of 8 readings; not: area by kNN`; where none agrees, all are meant."""
        num_measured = len(self.agreeing) + len(self.against)
        if not num_measured:
            return NOT_MEASURED
        said = f"{len(self.agreeing)} of {num_measured} readings"
        said += f"; not: {', '.join(self.against)}" if self.against and self.agreeing else ""
        return said + (f"; {NOT_MEASURED}: {', '.join(self.missing)}" if self.missing else "")


def panel(readings: Readings, *, sign: float = 1.0) -> Panel:
    """Count readings that have a sign.

    Example:
        >>> panel({"area": 0.2, "90 %": -0.1, "area by kNN": float("nan")}).sentence
        '1 of 2 readings; not: 90 %; not measured: area by kNN'
    """
    known = {name: sign * value for name, value in readings.items() if not math.isnan(value)}
    return Panel(
        tuple(name for name, value in known.items() if value > 0),
        tuple(name for name, value in known.items() if value <= 0),
        tuple(name for name in readings if name not in known),
    )


def of_methods(board: Board, found: Findings) -> Iterator[tuple[Method, Method, Panel]]:
    """Read claim a in other ways: cross-entropy, a contrastive method, and how many readings see it lose more."""
    by_name = {method.entry.name: method for method in found.methods}
    for judged in found.of_claim("a"):
        one, two = by_name[REFERENCE], by_name[judged.test.method]
        yield one, two, panel(dict(_losses(board, found, one.entry, two.entry)))


def _losses(board: Board, found: Findings, one: Entry, two: Entry) -> Iterator[tuple[str, float]]:
    def gap(schedule: str, sparsity: float) -> float:
        both = [found.kept.get((entry.name, schedule, sparsity)) for entry in (one, two)]
        first, second = (math.nan if each is None else each.value for each in both)
        return first - second

    def lost(entry: Entry, accuracy: str) -> float:
        return cell(board, entry, DENSE, 0.0, accuracy) - mean_cell(board, entry, found.sparsity, accuracy)

    yield "knowledge kept (tested)", gap("", found.sparsity)
    for sparsity in (each for each in one.sparsities if each != found.sparsity):
        yield f"kept at {percent(sparsity)}", gap("", sparsity)
    for schedule in one.schedules:
        yield f"kept under {schedule} alone", gap(schedule, found.sparsity)
    yield "points lost", lost(two, PROBE_ACCURACY) - lost(one, PROBE_ACCURACY)
    yield "points lost by kNN", lost(two, KNN_ACCURACY) - lost(one, KNN_ACCURACY)
    for name in _penalties(board, one):
        yield f"points lost at {_short(name)}", lost(two, name) - lost(one, name)
    yield "retention", summary(board, one, ROBUSTNESS_RETENTION) - summary(board, two, ROBUSTNESS_RETENTION)
    excess = [mean_cell(board, entry, found.sparsity, EXCESS_PIE) for entry in (two, one)]
    yield "excess PIE", excess[0] - excess[1]


def of_mistakes(board: Board, found: Findings) -> dict[str, float]:
    """Read claim b in other ways: by how much the unique share of mistakes exceeds one half."""
    worst = found.shared[found.sparsity]
    forgotten, wrong = _cells(found)

    def unique(flags: Mapping[Cell, Flags], kind: str = "") -> float:
        return unique_beyond_seeds(flags, kind) - LARGELY

    read = {"beyond seeds (tested)": worst.unique.value - LARGELY}
    read |= {percent(s): each.unique.value - LARGELY for s, each in found.shared.items() if s != found.sparsity}
    read["as the study counts (no floor)"] = 1 - worst.between - LARGELY
    read["all mistakes in place of forgotten images"] = unique(wrong)
    read["only schedules of one method"] = unique(forgotten, "method")
    read["only methods under one schedule"] = unique(forgotten, "schedule")
    jaccard = [summary(board, method.entry, PIE_JACCARD) for method in found.methods]
    read["PIEs of two schedules (records' Jaccard)"] = 1 - float(np.mean(jaccard)) - LARGELY
    return read


def _cells(found: Findings) -> tuple[dict[Cell, Flags], dict[Cell, Flags]]:
    """Return which images a model forgot, and which it gets wrong, at the highest sparsity."""
    forgotten: dict[Cell, Flags] = {}
    wrong: dict[Cell, Flags] = {}
    for method in found.methods:
        for name in method.entry.schedules:
            forgotten[method.entry.name, name] = method.forgotten(name, found.sparsity)
            wrong[method.entry.name, name] = np.concatenate(
                [method.correct(task, name, found.sparsity) == 0 for task in method.entry.tasks], axis=1
            )
    return forgotten, wrong


def of_schedules(board: Board, found: Findings) -> dict[str, dict[str, Readings]]:
    """Read accuracy under every schedule in other ways, by method, reading and schedule."""
    return {method.entry.name: _by_schedule(board, method.entry) for method in found.methods}


def _by_schedule(board: Board, entry: Entry) -> dict[str, Readings]:
    accuracies = {BY_AREA: PROBE_ACCURACY, BY_NEIGHBOURS: KNN_ACCURACY}
    accuracies |= {f"area at {_short(name)}": name for name in _penalties(board, entry)}
    cells = _measured(board, entry, list(accuracies.values()))
    read: dict[str, Readings] = {
        title: {name: cells.area(name, accuracy) for name in entry.schedules}
        for title, accuracy in accuracies.items()
    }
    for sparsity in entry.sparsities:
        read[percent(sparsity)] = {name: cell(board, entry, name, sparsity, PROBE_ACCURACY) for name in entry.schedules}
    return read


def pair_panel(read: Mapping[str, Readings], first: str, second: str) -> Panel:
    """Say in how many readings the schedule is ahead that has the larger area."""
    gaps = {title: values[first] - values[second] for title, values in read.items()}
    return panel(gaps, sign=math.copysign(1.0, gaps[BY_AREA]))


def early_panel(read: Mapping[str, Readings]) -> Panel:
    """Say in how many readings early pruning is behind every other schedule."""
    return panel({
        title: min(value for name, value in values.items() if name != EARLY) - values[EARLY]
        for title, values in read.items() if EARLY in values and len(values) > 1
    })  # fmt: skip


def pairs_of(schedules: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of schedules in the order in which they are tested."""
    return list(combinations(schedules, 2))


@dataclass(frozen=True)
class _Cells:
    """Accuracies of the cells of one evaluation."""

    entry: Entry
    values: Mapping[tuple[str, str, float, str], float]

    def area(self, schedule: str, accuracy: str) -> float:
        """Return the area under an accuracy of one schedule, NaN where a cell lacks it."""
        measured = Measured({}, self.values, self.entry.chance, (schedule,), self.entry.sparsities, None)
        found = measured.score(accuracy, self.entry.sparsities)
        return math.nan if found is None else found


def _measured(board: Board, entry: Entry, metrics: Sequence[str]) -> _Cells:
    numbers = board.numbers
    mine = numbers.loc[(numbers["path"] == entry.path) & numbers["metric"].isin(metrics)]
    fields = (mine[name].tolist() for name in ("task", "schedule", "sparsity", "metric", "value"))
    return _Cells(entry, {(task, name, s, metric): value for task, name, s, metric, value in zip(*fields, strict=True)})


def _penalties(board: Board, entry: Entry) -> list[str]:
    """Name the accuracies at other penalties of the probe that an evaluation has."""
    mine = board.numbers.loc[board.numbers["path"] == entry.path, "metric"]
    return sorted({name for name in map(str, mine.unique()) if name.startswith(f"{PENALTY_ACCURACY}:")})


def _short(metric: str) -> str:
    return f"penalty {metric.partition(':')[2]}"
