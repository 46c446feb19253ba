"""Numbers of the report as text, and where on a board they are. Pure; it computes no effect."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmark.scoring.metric_names import PROBE_ACCURACY
from benchmark.scoring.statistics.models_and_images import TwoWayMean
from leaderboard.board.board import DENSE, SUMMARY, Board, Entry
from leaderboard.board.wording import one_line, p_value
from leaderboard.report.blocks import Text
from leaderboard.report.verdicts import Judged


def effect(judged: Judged) -> tuple[Text, Text, str]:
    """Write effect with interval, adjusted p-value, and verdict."""
    records = judged.test.records
    return Text(number(judged.test.effect, sign=True), records), Text(p_value(judged.p_holm), records), judged.verdict


def number(mean: TwoWayMean | None, *, sign: bool = False, bounds: bool = True) -> str:
    """Write a mean with its interval at 95 %, or that it is undefined."""
    if mean is None:
        return "undefined"
    low, high = mean.interval(0.95)
    value = f"{mean.value:+.3f}" if sign else f"{mean.value:.3f}"
    return f"{value} [{low:.3f}, {high:.3f}]" if bounds else value


def decimal(value: float) -> str:
    """Write a number of a record, or that it was not measured."""
    return "not measured" if math.isnan(value) else f"{value:.3f}"


def mean_of(values: Iterable[float]) -> str:
    """Write the mean of numbers, or that there is none."""
    found = list(values)
    return f"{sum(found) / len(found):.3f}" if found else "not measured"


def said_of(tasks: Sequence[Mapping[str, Any]], part: str, name: str) -> str:
    """Write what a specification says of its tasks; a dash where it does not, as of the size of published images."""
    return one_line(", ".join(str(task.get(part, {}).get(name, "-")) for task in tasks), 60)


def cell(board: Board, entry: Entry, schedule: str, sparsity: float, metric: str) -> float:
    """Return a number of a cell, its mean over tasks; NaN where it was not measured."""
    numbers = board.numbers
    found = numbers.loc[
        (numbers["path"] == entry.path) & (numbers["schedule"] == schedule) & (numbers["metric"] == metric)
        & ((numbers["sparsity"] - sparsity).abs() < 1e-9), "value",
    ]  # fmt: skip
    return float(found.mean()) if len(found) else math.nan


def mean_cell(board: Board, entry: Entry, sparsity: float, metric: str) -> float:
    """Return the mean over ranked schedules of a number of cells."""
    values = [cell(board, entry, name, sparsity, metric) for name in entry.schedules]
    return sum(values) / len(values)


def points_lost(board: Board, entry: Entry, sparsity: float) -> float:
    """Return how many percentage points of accuracy pruning costs, mean over ranked schedules."""
    return 100 * (cell(board, entry, DENSE, 0.0, PROBE_ACCURACY) - mean_cell(board, entry, sparsity, PROBE_ACCURACY))


def summary(board: Board, entry: Entry, metric: str) -> float:
    """Return a number of a whole submission; NaN where it was not measured."""
    numbers = board.numbers
    mine = (numbers["path"] == entry.path) & (numbers["schedule"] == SUMMARY) & (numbers["metric"] == metric)
    found = numbers.loc[mine, "value"]
    return float(found.iloc[0]) if len(found) else math.nan
