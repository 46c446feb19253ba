"""One arena as the Leaderboard page shows it at first: the same competitors, numbers, order and columns.

Everything is computed by the modules that the served page uses; a test compares both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from benchmark.scoring.metric_names import PROBE_ACCURACY
from leaderboard.board.board import Board, Entry
from leaderboard.board.measures import Numbers, collect, direction, middle_sparsity
from leaderboard.board.ranked_table import HELP, default_columns, ranked_frame
from leaderboard.board.standings import Arena, Row, competitors, mean_curves, rows
from leaderboard.board.wording import TRACKS, decimals, heading, one_line
from leaderboard.export.site_paths import EntryPaths
from leaderboard.export.svg import sparkline
from leaderboard.export.tables import Cell, Heading, Table, number, unbroken
from leaderboard.figures.palette import Look
from leaderboard.reading.record_store import homes


@dataclass(frozen=True)
class ArenaRanking:
    """One arena, ranked within each supervision track.

    Attributes:
        by: the number ranked by.
        metrics: the other numbers that are shown.
        ranking: best first, track after track.
    """

    arena: Arena
    label: str
    groups: dict[str, list[Entry]]
    numbers: Numbers
    by: str
    metrics: tuple[str, ...]
    ranking: tuple[Row, ...]
    curves: dict[str, list[float]]

    @property
    def entries(self) -> list[Entry]:
        """The evaluations that count, in the order of the ranking."""
        return [row.entry for row in self.ranking]

    def track(self, supervision: str) -> list[Row]:
        """Return the rows of one supervision track."""
        return [row for row in self.ranking if row.entry.supervision == supervision]

    @property
    def tracks(self) -> list[str]:
        """The supervision tracks that somebody competes in, in the order of the ranking."""
        return list(dict.fromkeys(row.entry.supervision for row in self.ranking))


def rank_arena(board: Board, arena: Arena, label: str) -> ArenaRanking:
    """Rank an arena by the number that comes first, as the served board does unless asked otherwise."""
    groups = competitors(board, arena, "each")
    entries = [evaluations[0] for evaluations in groups.values()]
    numbers = collect(board, entries, middle_sparsity(entries))
    by = numbers.rankable[0]
    ranking = rows(groups, numbers.scores, by, direction(numbers.columns[by]), each_track=True,
                   evidence=board.evidence)  # fmt: skip
    metrics = tuple(name for name in default_columns(list(numbers.columns), by) if name != by)
    curves = mean_curves(board, [row.entry for row in ranking], PROBE_ACCURACY)
    return ArenaRanking(arena, label, groups, numbers, by, metrics, tuple(ranking), curves)


def ranked_table(
    ranked: ArenaRanking, ranking: Sequence[Row], looks: Mapping[str, Look], paths: Mapping[str, EntryPaths]
) -> Table:
    """Lay out some rows of a ranking; every number stands above its interval."""
    texts = ranked_frame(
        ranking, ranked.by, ranked.metrics, ranked.curves, shipped=homes()[1], intervals=True
    )
    cells = [_row(texts, place, row, ranked, looks, paths) for place, row in enumerate(ranking)]
    return Table(f"Ranking, {ranked.label}", _headings(ranked), tuple(cells), num_pinned=2)


def _headings(ranked: ArenaRanking) -> tuple[Heading, ...]:
    columns = [ranked.numbers.columns[name] for name in (ranked.by, *ranked.metrics)]
    named = [Heading(unbroken(heading(column)), column.description, True) for column in columns]
    return (
        Heading("Rank", f"{HELP['rank']} {HELP['ties']}"),
        Heading("Submission"),
        named[0],
        Heading("Dense to sparsest", HELP["curve"]),
        *named[1:],
        Heading("Models", HELP["models"], True),
        Heading("Isolation", HELP["isolation"]),
        Heading("Signed by", HELP["signed"]),
        Heading("Date"),
    )


def _row(
    texts: pd.DataFrame, place: int, row: Row, ranked: ArenaRanking, looks: Mapping[str, Look],
    paths: Mapping[str, EntryPaths],
) -> tuple[Cell, ...]:  # fmt: skip
    def text(name: str) -> str:
        return str(texts[name].iloc[place])

    def measured(name: str) -> Cell:
        return Cell(number(texts[name].iloc[place], decimals(ranked.numbers.columns[name])), text(f"{name} interval"))

    entry, unranked = row.entry, row.standing.reason
    heights = [value for curve in ranked.curves.values() for value in curve]
    mine = ranked.curves.get(entry.path, [])
    drawn = sparkline(mine, (min(heights), max(heights)), looks[entry.name].colour) if len(mine) > 1 else None
    note = f"not ranked: {text('note')}" if unranked else text("note")
    return (
        Cell(text("rank"), f"ties {text('ties')}" if text("ties") else ""),
        Cell(text("submission"), note, paths[entry.path].page),
        measured(ranked.by),
        Cell(drawing=drawn),
        *(measured(name) for name in ranked.metrics),
        Cell(text("models")),
        Cell(text("isolation")),
        Cell(text("signed"), one_line(entry.key_id, 20)),
        Cell(text("date")),
    )


def track_title(supervision: str) -> str:
    """Name a supervision track for people."""
    return TRACKS.get(supervision, one_line(supervision, 40))
