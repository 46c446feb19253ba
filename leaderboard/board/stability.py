"""How much the ranking depends on the number ranked by. Pure; it does not draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from benchmark.scoring.metric import Column
from leaderboard.board.ranking import Direction, agreement, leading, oriented
from leaderboard.board.standings import Row, sampling_of
from leaderboard.board.wording import heading, one_line

MAX_LEADERS = 5


def leaders(ranking: Sequence[Row], columns: Mapping[str, Column], by: str) -> pd.DataFrame:
    """Rank the complete submissions of a ranking by every column.

    Returns:
        One row per column: `by` (heading), `leaders` (everybody not separated from the best, best first), `agreement`
        (Kendall's tau-b with the order of `by`, in [-1, 1], or None).
    """
    names = {row.entry.path: one_line(row.entry.name, 60) for row in ranking}
    complete = [row for row in ranking if not row.entry.barred]
    reference = oriented({row.entry.path: row.scores.get(by) for row in complete}, _direction(columns.get(by)))
    sampling = sampling_of((row.entry for row in complete), {})
    made: list[dict[str, object]] = []
    for name, column in columns.items():
        scores = {row.entry.path: row.scores.get(name) for row in complete}
        better = _direction(column)
        first = [names[path] for path in leading(scores, better, sampling)]
        more = f" and {len(first) - MAX_LEADERS} more" if len(first) > MAX_LEADERS else ""
        made.append({"by": heading(column), "leaders": ", ".join(first[:MAX_LEADERS]) + more,
                     "agreement": agreement(reference, oriented(scores, better))})  # fmt: skip
    return pd.DataFrame(made, columns=["by", "leaders", "agreement"])


def _direction(column: Column | None) -> Direction:
    return "lower" if column is not None and column.better == "lower" else "higher"
