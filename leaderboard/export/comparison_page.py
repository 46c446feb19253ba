"""Two submissions of a board compared, as pages without a script: one per pair, and a table that leads to them.

The words, tables and curves are those of the served page (`leaderboard.text.comparison_words`). Of a board with more
than `MAX_COMPARED` submissions the best by robustness score are compared with each other, so that a site stays small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath

import pandas as pd

from leaderboard.board.board import Board, Entry
from leaderboard.board.comparison import CellPredictions, Comparison, compare
from leaderboard.board.inference.sensitivity import NOT_MEASURED
from leaderboard.board.stability import READING_HEADINGS
from leaderboard.board.wording import one_line
from leaderboard.export.arena_ranking import ArenaRanking
from leaderboard.export.page_figures import Curves, side_by_side
from leaderboard.export.site_paths import EntryPaths
from leaderboard.markup.tables import Cell, Heading, Table, from_frame, number
from leaderboard.text.comparison_words import (
    NO_DIFFERENCE,
    OVERLAP_HEADINGS,
    Verdict,
    difference_lines,
    is_separated,
    order_of,
    overlap_frame,
    verdict,
)

MAX_COMPARED = 12
"""Submissions of a board that are compared with each other: at most 66 pages."""

Pair = tuple[str, str]
"""The paths that name two evaluations on the board, the one with the higher score first."""


@dataclass(frozen=True)
class PairView:
    """One pair on its page; addresses are relative to the root of the site."""

    place: str
    names: tuple[str, str]
    pages: tuple[str, str]
    label: str
    all_pairs: str
    verdict: Verdict | None
    order: tuple[str, Table] | None
    curves: tuple[Curves, ...]
    overlaps: Table | None

    @property
    def figures(self) -> str:
        """How the places of its figures begin."""
        return f"figures/{PurePosixPath(self.place).with_suffix('')}"


@dataclass(frozen=True)
class PairsView:
    """Every pair of a board; `num_all` is how many submissions it has."""

    label: str
    section: str
    table: Table
    num_compared: int
    num_all: int


def compared(ranked: ArenaRanking) -> list[Entry]:
    """Return the submissions of a board that are compared, best first, whatever their track."""
    return ranked.by_score()[:MAX_COMPARED]


def pairs_place(section: str) -> str:
    """Return where the table of all pairs of a board is."""
    return f"compare/{section}.html"


def pair_place(section: str, pair: Pair, paths: Mapping[str, EntryPaths]) -> str:
    """Return where the page of a pair is."""
    first, second = (PurePosixPath(paths[path].page).stem for path in pair)
    return f"compare/{section}/{first}--{second}.html"


def comparisons(
    board: Board, ranked: ArenaRanking, outcomes: Mapping[str, CellPredictions | None]
) -> dict[Pair, Comparison]:
    """Compare every two submissions of a board that are compared.

    Args:
        board: all evaluations.
        ranked: the board.
        outcomes: predictions by path; None where they are not at hand.
    """
    return {
        (first.path, second.path): compare(
            board, first, second, (outcomes.get(first.path), outcomes.get(second.path)), ranked.claims
        )
        for first, second in combinations(compared(ranked), 2)
    }


def pairs_view(
    ranked: ArenaRanking, section: str, found: Mapping[Pair, Comparison], paths: Mapping[str, EntryPaths]
) -> PairsView:
    """Arrange all pairs of a board as a table: the score of the row less the score of the column."""
    entries, label = compared(ranked), one_line(ranked.label)
    headings = [Heading("Row less column"), *(Heading(one_line(e.name, 24), is_number=True) for e in entries)]
    rows = tuple(
        (Cell(one_line(row.name, 60), href=paths[row.path].page),
         *(_cell(row, column, section, found, paths) for column in entries))
        for row in entries
    )  # fmt: skip
    table = Table(f"Every pair, {label}", tuple(headings), rows, num_pinned=1)
    return PairsView(label, section, table, len(entries), len(ranked.groups))


def _cell(
    row: Entry, column: Entry, section: str, found: Mapping[Pair, Comparison], paths: Mapping[str, EntryPaths]
) -> Cell:
    if row.path == column.path:
        return Cell()
    pair = (row.path, column.path) if (row.path, column.path) in found else (column.path, row.path)
    score, href = found[pair].score, pair_place(section, pair, paths)
    if score is None:
        return Cell(number(None, 3), "a run is missing", href)
    value = score.value if pair[0] == row.path else -score.value
    below = "holds" if found[pair].holds else "this pair alone" if is_separated(score) else "not separated"
    return Cell(f"{value:+.3f}", below, href)


def pair_view(
    board: Board, ranked: ArenaRanking, section: str, pair: Pair, comparison: Comparison,
    paths: Mapping[str, EntryPaths],
) -> PairView:  # fmt: skip
    """Arrange what is known of one pair."""
    first, second = (board.entries[path] for path in pair)
    order = order_of(board, first, second)
    tasks = sorted({key[0] for key in comparison.cells})
    curves = [_differences(comparison, task, first.schedules) for task in tasks]
    return PairView(
        place=pair_place(section, pair, paths),
        names=(one_line(first.name, 60), one_line(second.name, 60)),
        pages=(paths[first.path].page, paths[second.path].page),
        label=one_line(ranked.label),
        all_pairs=pairs_place(section),
        verdict=verdict(first, second, comparison),
        order=order and (order[0], _readings(order[1])),
        curves=tuple(each for each in curves if each),
        overlaps=_overlaps(comparison),
    )


def _differences(comparison: Comparison, task: str, schedules: Sequence[str]) -> Curves | None:
    lines = difference_lines(comparison, task, tuple(schedules))
    return side_by_side(task, {line.name: [line] for line in lines}, [NO_DIFFERENCE], "Difference by sparsity")


def _readings(frame: pd.DataFrame) -> Table:
    return from_frame(frame, "Readings of both", READING_HEADINGS, dict.fromkeys(("first", "second"), _measured))


def _measured(value: object) -> str:
    text = number(value, 4)
    return NOT_MEASURED if text == number(None, 4) else text


def _overlaps(comparison: Comparison) -> Table | None:
    if not comparison.overlaps:
        return None
    formats = dict.fromkeys(("first", "second", "common"), str)
    shares = dict.fromkeys(("jaccard", "by_chance"), _share)
    return from_frame(overlap_frame(comparison), "Common PIEs", OVERLAP_HEADINGS, {**formats, **shares})


def _share(value: object) -> str:
    text = number(value, 3)
    return "neither has any" if text == number(None, 3) else text
