"""The ranked table of one supervision track as the served board and the exported site both show it.

It lays out rows that are ranked already; words and numbers of the cells come from `board.ranked_table`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmark.scoring.metric import Column
from benchmark.scoring.metric_names import PROBE_ACCURACY, ROBUSTNESS_SCORE
from leaderboard.board.board import Board, Entry
from leaderboard.board.inference.costs import WORST_SEED
from leaderboard.board.ranked_table import FACTS, HELP, ranked_frame
from leaderboard.board.standings import Row, mean_curves
from leaderboard.board.wording import bounds, decimals, heading, one_line
from leaderboard.figures.palette import Look
from leaderboard.markup.svg import Range, interval_in_row, sparkline
from leaderboard.markup.tables import Cell, Heading, Table, number, unbroken
from leaderboard.reading.record_store import homes

_NOTHING: Range = (0.0, 1.0)


@dataclass(frozen=True)
class RankingLayout:
    """What the tables of a board show, and on which scales; all tracks share them.

    Attributes:
        by: the number ranked by.
        metrics: the other numbers, in order.
        facts: columns that are no numbers, of `FACTS`.
        columns: description of every number.
        curves: accuracy by sparsity, by path.
        looks: colour of every submission.
        scale: from the lowest to the highest bound of the number ranked by.
        link: where the page of an evaluation is.
        is_pickable: whether rows have a box.
    """

    by: str
    metrics: Sequence[str]
    facts: Sequence[str]
    columns: Mapping[str, Column]
    curves: Mapping[str, Sequence[float]]
    looks: Mapping[str, Look]
    scale: Range
    link: Callable[[Entry], str]
    is_pickable: bool = False

    @cached_property
    def heights(self) -> Range:
        """The scale that the curves share."""
        values = [value for curve in self.curves.values() for value in curve]
        return (min(values), max(values)) if values else _NOTHING


def scale_of(ranking: Sequence[Row], by: str) -> Range:
    """Return the lowest and the highest bound of a number, [0, 1] where no row has it; a worse seed is at the edge."""
    found = [score for row in ranking if (score := row.scores.get(by))]
    return (min(each.low for each in found), max(each.high for each in found)) if found else _NOTHING


def _worst(row: Row, by: str) -> float | None:
    """Return the score of the worst seed, which stands beside robustness scores."""
    worst = row.scores.get(WORST_SEED) if by == ROBUSTNESS_SCORE else None
    return None if worst is None else worst.value


def accuracy_curves(board: Board, ranking: Sequence[Row]) -> dict[str, list[float]]:
    """Return the curve of every row, by path."""
    return mean_curves(board, [row.entry for row in ranking], PROBE_ACCURACY)


def ranking_table(layout: RankingLayout, ranking: Sequence[Row], label: str) -> Table:
    """Lay out some rows of a ranking: every number stands above its interval, that of the number ranked by is drawn."""
    frame = ranked_frame(ranking, layout.by, layout.metrics, shipped=homes()[1])
    texts = {str(name): frame[name].tolist() for name in frame}
    cells = [_row(texts, place, row, layout) for place, row in enumerate(ranking)]
    return Table(label, _headings(layout), tuple(cells), num_pinned=2)


def _headings(layout: RankingLayout) -> tuple[Heading, ...]:
    columns = [layout.columns[name] for name in (layout.by, *layout.metrics)]
    first, *others = (
        Heading(unbroken(heading(column)), column.description, is_number=True, is_wide=place > 0)
        for place, column in enumerate(columns)
    )
    return (
        Heading("Rank", f"{HELP['rank']} {HELP['ties']}"),
        Heading("Submission"),
        first,
        Heading("Dense to sparsest", HELP["curve"], is_wide=True),
        *others,
        *(Heading(FACTS[name], HELP.get(name, ""), is_number=name == "models", is_wide=True) for name in layout.facts),
    )


def _row(texts: Mapping[str, Sequence[object]], place: int, row: Row, layout: RankingLayout) -> tuple[Cell, ...]:
    def text(name: str) -> str:
        return str(texts[name][place])

    def measured(name: str) -> Cell:
        return Cell(number(texts[name][place], decimals(layout.columns[name])), text(f"{name} interval"))

    entry, score, mine = row.entry, row.scores.get(layout.by), layout.curves.get(row.entry.path, [])
    drawn = sparkline(mine, layout.heights, layout.looks[entry.name].colour) if len(mine) > 1 else None
    note = f"not ranked: {text('note')}" if row.standing.reason else text("note")
    first = measured(layout.by)
    if score:
        worst = _worst(row, layout.by)
        beside = "" if worst is None else f"worst seed {worst:.{decimals(layout.columns[layout.by])}f}"
        said = ", ".join(filter(None, (f"interval {bounds(score)}" if bounds(score) else "no interval", beside)))
        below = "; ".join(filter(None, (first.below, beside)))
        first = Cell(first.text, below, drawing=interval_in_row(score, layout.scale, said, worst))
    return (
        Cell(text("rank"), f"ties {text('ties')}" if text("ties") else "", pick=entry.name * layout.is_pickable),
        Cell(text("submission"), note, layout.link(entry)),
        first,
        Cell(drawing=drawn),
        *(measured(name) for name in layout.metrics),
        *(Cell(text(name), one_line(entry.key_id, 20) if name == "signed" else "") for name in layout.facts),
    )
