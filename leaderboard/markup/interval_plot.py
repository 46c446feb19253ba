"""What stands below a ranking: every number with its interval, drawn, and who leads by other numbers.

The served board and the exported site show the same; neither needs a script for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from markupsafe import Markup

from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.standings import Row
from leaderboard.board.wording import bounds, one_line
from leaderboard.figures.charts import Line, limits
from leaderboard.figures.palette import Look
from leaderboard.markup.svg import interval_axis, interval_bar, interval_figure
from leaderboard.markup.tables import Table, from_frame, number

MAX_BARS = 40
_LEADERS = {"by": "Ranked by", "leaders": "Not separated from the best", "agreement": "Agreement"}
_AGREEMENT = "Kendall's tau between this order and the one above: 1 the same, 0 unrelated, -1 reversed."


@dataclass(frozen=True)
class Intervals:
    """An interval plot: (name, bar) per line, the axis below, how many there would be, and all of it for a file."""

    bars: tuple[tuple[str, Markup], ...]
    axis: Markup
    num_all: int
    drawing: Markup


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


def leaders_table(found: pd.DataFrame) -> Table:
    """Lay out who leads by every number: the frame of `board.stability.leaders`."""
    table = from_frame(found, "Leaders by every number", _LEADERS, {"agreement": lambda value: number(value, 2)})
    *others, last = table.headings
    return replace(table, headings=(*others, replace(last, about=_AGREEMENT)))


def _with_air(scores: Sequence[IntervalEstimate]) -> tuple[float, float]:
    points = [(0.0, score.value, score.low, score.high) for score in scores]
    return limits([Line("", "", "", points)], [])
