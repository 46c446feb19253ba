"""One legend for several panels, drawn as a small chart so that names stay literal and markers match the panels."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.app.drawing import draw
from leaderboard.figures.charts import Line, legend


def show_legend(lines: Sequence[Line]) -> None:
    """Show colour and marker of every distinct name once."""
    distinct = list({line.name: line for line in reversed(lines)}.values())[::-1]
    draw(legend(distinct), "legend", "Legend: " + ", ".join(line.name for line in distinct))
