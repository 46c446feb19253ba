"""How much the ranking depends on the number ranked by, and on how the same models are read. Pure; it does not draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pandas as pd

from benchmark.scoring.metric import Column
from benchmark.scoring.metric_names import KNN_ACCURACY, PROBE_ACCURACY
from leaderboard.board.board import SUMMARY, Board, Entry
from leaderboard.board.inference.costs import SCORE_PER_COMPUTE
from leaderboard.board.inference.sensitivity import (
    BY_SCORE,
    NOT_MEASURED,
    Cell,
    Measured,
    Readings,
    Survival,
    in_order,
    readings,
    survival,
)
from leaderboard.board.inference.separation import Separation
from leaderboard.board.ranking import Direction, agreement, leading, oriented
from leaderboard.board.standings import Row, sampling_of
from leaderboard.board.wording import heading, one_line

MAX_LEADERS = 5

SENSITIVITY = (
    "Readings: the score; with ten times and a tenth of the probe's penalty; by nearest neighbours; every ranked "
    "schedule and every sparsity alone; and the score divided by the images that went through the encoder in training. "
    "They read the same models, so that they are no independent tests. Records from before a reading was taken say "
    "that it was not measured."
)
"""What the panels on sensitivity say of themselves."""


def leaders(
    ranking: Sequence[Row], columns: Mapping[str, Column], by: str, separated: Separation
) -> pd.DataFrame:
    """Rank the complete submissions of a ranking by every column; robustness scores by the planned tests of the board.

    Returns:
        One row per column: `by` (heading), `leaders` (everybody not separated from the best, best first), `agreement`
        (Kendall's tau-b with the order of `by`, in [-1, 1], or None).
    """
    names = {row.entry.path: one_line(row.entry.name, 60) for row in ranking}
    complete = [row for row in ranking if not row.entry.barred]
    reference = oriented({row.entry.path: row.scores.get(by) for row in complete}, _direction(columns.get(by)))
    made: list[dict[str, object]] = []
    for name, column in columns.items():
        scores = {row.entry.path: row.scores.get(name) for row in complete}
        better = _direction(column)
        sampling = sampling_of((row.entry for row in complete), name, separated)
        first = [names[path] for path in leading(scores, better, sampling)]
        more = f" and {len(first) - MAX_LEADERS} more" if len(first) > MAX_LEADERS else ""
        made.append({"by": heading(column), "leaders": ", ".join(first[:MAX_LEADERS]) + more,
                     "agreement": agreement(reference, oriented(scores, better))})  # fmt: skip
    return pd.DataFrame(made, columns=["by", "leaders", "agreement"])


def _direction(column: Column | None) -> Direction:
    return "lower" if column is not None and column.better == "lower" else "higher"


def neighbouring_orders(board: Board, entries: Sequence[Entry]) -> list[Survival]:
    """Say of every two submissions that follow each other by robustness score whether their order survives.

    Args:
        board: all evaluations.
        entries: those of one arena; incomplete ones are left out.
    """
    found = readings_of(board, [entry for entry in entries if not entry.barred])
    scores = {path: score for path, each in found.items() if (score := each[BY_SCORE]) is not None}
    names = {path: one_line(board.entries[path].name, 60) for path in scores}
    ordered = sorted(scores, key=lambda path: (-scores[path], names[path]))
    return [survival((names[a], found[a]), (names[b], found[b])) for a, b in pairwise(ordered)]


def readings_of(board: Board, entries: Sequence[Entry]) -> dict[str, Readings]:
    """Read evaluations in every way that the board's numbers allow, by path."""
    numbers = board.numbers.loc[board.numbers["path"].isin([entry.path for entry in entries])]
    wanted = (numbers["schedule"] == SUMMARY) | numbers["metric"].isin([PROBE_ACCURACY, KNN_ACCURACY])
    numbers = numbers.loc[wanted]
    summaries: dict[str, dict[str, float]] = {entry.path: {} for entry in entries}
    cells: dict[str, dict[Cell, float]] = {entry.path: {} for entry in entries}
    fields = (numbers[name].tolist() for name in ("path", "task", "schedule", "sparsity", "metric", "value"))
    for path, task, schedule, sparsity, metric, value in zip(*fields, strict=True):
        if schedule == SUMMARY:
            summaries[path][metric] = value
        else:
            cells[path][task, schedule, sparsity, metric] = value
    return {
        entry.path: readings(
            Measured(summaries[entry.path], cells[entry.path], entry.chance, entry.schedules, entry.sparsities,
                     summaries[entry.path].get(SCORE_PER_COMPUTE))
        )
        for entry in entries
    }  # fmt: skip


ORDER_HEADINGS = {"order": "Order", "holds": "Readings", "against": "Not in", "missing": "Not measured"}
"""The columns of the table of orders, in their order, with their titles."""


def order_frame(found: Sequence[Survival]) -> pd.DataFrame:
    """List orders as texts: `order`, `holds` (such as 9 of 9), `against`, `missing`."""
    return pd.DataFrame(
        [
            {"order": f"{each.first} > {each.second}", "holds": f"{len(each.agreeing)} of {each.num_measured}",
             "against": ", ".join(each.against), "missing": ", ".join(each.missing)}
            for each in found
        ],
        columns=list(ORDER_HEADINGS),
    )  # fmt: skip


READING_HEADINGS = {"reading": "Reading", "first": "First", "second": "Second", "ahead": "Ahead"}
"""The columns of the table of readings, in their order, with their titles."""


def reading_frame(first: tuple[str, Readings], second: tuple[str, Readings]) -> pd.DataFrame:
    """List every reading of two submissions: `reading`, `first`, `second` (numbers or None), `ahead` (text)."""
    order, rows = survival(first, second), list[dict[str, object]]()
    for name in in_order(first[1], second[1]):
        one, two = first[1].get(name), second[1].get(name)
        ahead = NOT_MEASURED if name in order.missing else first[0] if name in order.agreeing else second[0]
        ahead = "neither" if one is not None and one == two else ahead
        rows.append({"reading": name, "first": one, "second": two, "ahead": ahead})
    return pd.DataFrame(rows, columns=list(READING_HEADINGS))
