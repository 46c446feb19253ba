"""The figures of a page, arranged: interval plot, curves side by side, legends. Draws nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from benchmark.scoring.metric_names import PROBE_ACCURACY
from leaderboard.board.board import Board, Entry
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.standings import Row
from leaderboard.board.wording import bounds, one_line
from leaderboard.figures.charts import MAX_BARS, Level, Line, limits
from leaderboard.figures.lines import levels, lines_of_schedule, lines_of_submission
from leaderboard.figures.palette import Look
from leaderboard.markup.svg import curve_panel, interval_axis, interval_bar, interval_figure, mark
from leaderboard.text.downloads import curves_csv


@dataclass(frozen=True)
class Intervals:
    """An interval plot: (name, bar) per line, the axis below, how many there would be, and all of it for a file."""

    bars: tuple[tuple[str, Markup], ...]
    axis: Markup
    num_all: int
    drawing: Markup


@dataclass(frozen=True)
class Curves:
    """Panels side by side on a common value axis: (title, figure) each, (name, mark) of their legend, points as CSV."""

    task: str
    panels: tuple[tuple[str, Markup], ...]
    legend: tuple[tuple[str, Markup], ...]
    data: str


def interval_plot(ranking: Sequence[Row], by: str, looks: Mapping[str, Look]) -> Intervals | None:
    """Draw the number ranked by of every row that has it, in the order of the table; None where none has."""
    found = [(row, score) for row in ranking if (score := row.scores.get(by))]
    if not found:
        return None
    shown = found[:MAX_BARS]
    low_high = _with_air([score for _, score in shown])
    bars = tuple(
        (one_line(row.entry.name, 60),
         interval_bar(score, low_high, looks[row.entry.name],
                      f"{one_line(row.entry.name, 60)}: {score.value:.3f}, interval {bounds(score) or 'none'}",
                      ranked=row.standing.rank is not None))
        for row, score in shown
    )  # fmt: skip
    axis = interval_axis(low_high)
    return Intervals(bars, axis, len(found), interval_figure(bars, axis, f"Intervals of {one_line(by, 60)}"))


def schedule_curves(board: Board, entries: Sequence[Entry], looks: dict[str, Look], task: str) -> Curves | None:
    """Draw one panel per schedule, early, late and one-shot side by side; None where there is nothing to draw."""
    schedules = list(dict.fromkeys(name for entry in entries for name in entry.schedules))
    drawn = {
        one_line(schedule, 40): lines_of_schedule(board, entries, looks, task, schedule, PROBE_ACCURACY, controls=True)
        for schedule in schedules
    }
    return side_by_side(task, drawn, levels(entries, task))


def own_curves(board: Board, entry: Entry, task: str) -> Curves | None:
    """Draw all schedules of one submission in one panel; colours then tell schedules apart."""
    lines = lines_of_submission(board, entry, task, PROBE_ACCURACY, controls=True)
    return side_by_side(task, {"": lines}, levels([entry], task))


def side_by_side(
    task: str, drawn: Mapping[str, Sequence[Line]], references: Sequence[Level],
    about: str = "Accuracy against sparsity",
) -> Curves | None:  # fmt: skip
    """Draw panels on a common value axis, by title; None where there is nothing to draw.

    A legend is left out where it would only repeat the titles.
    """
    drawn = {title: lines for title, lines in drawn.items() if lines}
    lines = [line for panel in drawn.values() for line in panel]
    if not lines:
        return None
    low_high = limits(lines, references)
    panels = tuple(
        (title, curve_panel(panel, references, low_high, f"{about} {title}".strip()))
        for title, panel in drawn.items()
    )
    names = {line.name: Look(line.colour, line.marker) for line in reversed(lines)}
    repeats = all([line.name for line in panel] == [title] for title, panel in drawn.items())
    legend = () if repeats else tuple((name, mark(look)) for name, look in reversed(names.items()))
    return Curves(task, panels, legend, curves_csv(drawn))


def _with_air(scores: Sequence[IntervalEstimate]) -> tuple[float, float]:
    points = [(0.0, score.value, score.low, score.high) for score in scores]
    return limits([Line("", "", "", points)], [])
