"""The curves of a page, arranged side by side, with their legends. Draws nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from benchmark.scoring.metric_names import PROBE_ACCURACY
from leaderboard.board.board import Board, Entry
from leaderboard.board.wording import one_line
from leaderboard.figures.charts import Level, Line, limits
from leaderboard.figures.lines import levels, lines_of_schedule, lines_of_submission
from leaderboard.figures.palette import Look
from leaderboard.markup.svg import curve_panel, mark
from leaderboard.text.downloads import curves_csv


@dataclass(frozen=True)
class Curves:
    """Panels side by side on a common value axis: (title, figure) each, (name, mark) of their legend, points as CSV."""

    task: str
    panels: tuple[tuple[str, Markup], ...]
    legend: tuple[tuple[str, Markup], ...]
    data: str


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
