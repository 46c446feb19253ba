"""From a board to the lines of a curve plot: which cells make a line, which control belongs to which schedule. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from benchmark.scoring.metric_names import PROBE_ACCURACY
from leaderboard.board.board import DENSE, Board, Entry
from leaderboard.board.inference.pruned_floor import PRUNED_FLOOR
from leaderboard.board.wording import one_line
from leaderboard.figures.charts import Level, Line
from leaderboard.figures.palette import COLOURS, NEUTRAL, Look

FLOOR_NAME = "untrained, pruned alike"
"""Of the line that shows what is known without any training."""


def curve_metrics(board: Board, entries: Sequence[Entry]) -> list[str]:
    """Metrics that cells have, the accuracy of the linear probe first."""
    numbers = board.numbers
    mine = numbers.loc[numbers["path"].isin([entry.path for entry in entries]) & numbers["sparsity"].notna()]
    return sorted(set(map(str, mine["metric"].tolist())), key=lambda name: (name != PROBE_ACCURACY, name))


def points(
    board: Board, entry: Entry, task: str, schedule: str, metric: str
) -> list[tuple[float, float, float | None, float | None]]:
    """One line: (sparsity, value, low, high) by sparsity, the dense cell first where it has the metric."""
    numbers = board.numbers
    chosen = numbers.loc[
        (numbers["path"] == entry.path) & (numbers["task"] == task) & (numbers["metric"] == metric)
        & numbers["schedule"].isin([schedule, DENSE])
    ].sort_values("sparsity")  # fmt: skip
    fields = (chosen[name].tolist() for name in ("sparsity", "value", "low", "high"))
    return [(s, v, _bound(low), _bound(high)) for s, v, low, high in zip(*fields, strict=True) if not math.isnan(v)]


def lines_of_schedule(
    board: Board, entries: Sequence[Entry], looks: dict[str, Look], task: str, schedule: str, metric: str,
    controls: bool,
) -> list[Line]:  # fmt: skip
    """One panel: every submission under one schedule, with the random-pruning control of that schedule dashed."""
    made: list[Line] = []
    for entry in entries:
        look = looks[entry.name]
        its_controls = [name for name in entry.controls if controls and entry.controlled.get(name) == schedule]
        for name in (schedule, *its_controls):
            found = points(board, entry, task, name, metric)
            if len([point for point in found if point[0] > 0]):
                dashed = name in entry.controls
                made.append(Line(one_line(entry.name, 60), look.colour, look.marker, found, dashed))
    return made + (floor_line(board, entries, task, schedule) if metric == PROBE_ACCURACY and made else [])


def lines_of_submission(board: Board, entry: Entry, task: str, metric: str, controls: bool) -> list[Line]:
    """One panel: every schedule of one submission; colours then tell schedules apart."""
    made: list[Line] = []
    schedules = [*entry.schedules, *(entry.controls if controls else ())]
    for position, schedule in enumerate(schedules):
        found = points(board, entry, task, schedule, metric)
        colour = COLOURS[position % len(COLOURS)]
        if len([point for point in found if point[0] > 0]):
            made.append(Line(schedule, colour, "circle", found, schedule in entry.controls))
    first = entry.schedules[0] if entry.schedules and metric == PROBE_ACCURACY and made else None
    return made + ([] if first is None else floor_line(board, [entry], task, first))


def floor_line(board: Board, entries: Sequence[Entry], task: str, schedule: str) -> list[Line]:
    """Return the accuracy of untrained encoders that are pruned alike, where a record knows it.

    It depends on no submission, so that the first record that knows it speaks for all.
    """
    for entry in entries:
        found = points(board, entry, task, schedule, PRUNED_FLOOR)
        if len([point for point in found if point[0] > 0]):
            return [Line(FLOOR_NAME, NEUTRAL, "cross", found, label=FLOOR_NAME)]
    return []


def levels(entries: Sequence[Entry], task: str) -> list[Level]:
    """Reference lines of a task: the mean over the records that hold them (they agree up to the seeds used)."""
    found: dict[str, list[float]] = defaultdict(list)
    for reference in (each for entry in entries for each in entry.references):
        if reference.task == task and reference.value is not None:
            found[reference.name].append(reference.value)
    return [Level(one_line(name, 40), fmean(values)) for name, values in sorted(found.items())]


def _bound(value: float) -> float | None:
    return None if math.isnan(value) else value
