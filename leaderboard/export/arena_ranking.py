"""One arena as the Leaderboard page shows it at first: the same competitors, numbers, order and columns.

Everything is computed by the modules that the served page uses; a test compares both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from leaderboard.board.board import Board, Entry
from leaderboard.board.claims import Claim, claims, separation
from leaderboard.board.inference.separation import Separation
from leaderboard.board.measures import Numbers, collect, direction, middle_sparsity
from leaderboard.board.ranked_table import FACTS, FURTHER, default_columns
from leaderboard.board.standings import Arena, Row, competitors, rows
from leaderboard.export.site_paths import EntryPaths
from leaderboard.figures.palette import Look
from leaderboard.markup.ranking_table import RankingLayout, accuracy_curves, scale_of


@dataclass(frozen=True)
class ArenaRanking:
    """One arena, ranked within each supervision track.

    Attributes:
        by: the number ranked by.
        metrics: the other numbers that are shown.
        ranking: best first, track after track.
        claims: every planned test, most certain first.
        separated: whom they separate by robustness score.
    """

    arena: Arena
    label: str
    groups: dict[str, list[Entry]]
    numbers: Numbers
    by: str
    metrics: tuple[str, ...]
    ranking: tuple[Row, ...]
    curves: dict[str, list[float]]
    claims: Sequence[Claim]
    separated: Separation

    @property
    def entries(self) -> list[Entry]:
        """The evaluations that count, in the order of the ranking."""
        return [row.entry for row in self.ranking]

    def track(self, supervision: str) -> list[Row]:
        """Return the rows of one supervision track."""
        return [row for row in self.ranking if row.entry.supervision == supervision]

    def by_score(self) -> list[Entry]:
        """Return the evaluations that count by robustness score, all tracks together, incomplete ones last."""
        scores = self.numbers.scores
        together = rows(self.groups, scores, ROBUSTNESS_SCORE, "higher", each_track=False, letters=False)
        return [row.entry for row in together]

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
    tests = claims(board, entries)
    separated = separation(tests, 1 - min(entry.confidence for entry in entries))
    ranking = rows(groups, numbers.scores, by, direction(numbers.columns[by]), each_track=True, separated=separated)
    metrics = tuple(default_columns(list(numbers.columns), by))
    curves = accuracy_curves(board, ranking)
    return ArenaRanking(arena, label, groups, numbers, by, metrics, tuple(ranking), curves, tests,
                        separated)  # fmt: skip


def ranking_layout(
    ranked: ArenaRanking, looks: Mapping[str, Look], paths: Mapping[str, EntryPaths], *, is_large: bool = False
) -> RankingLayout:
    """Say what the tables of an arena show: eight columns, or further numbers and facts too."""
    further = [name for name in FURTHER if name in ranked.numbers.columns and name != ranked.by]
    return RankingLayout(
        by=ranked.by, metrics=further if is_large else ranked.metrics, facts=tuple(FACTS) if is_large else (),
        columns=ranked.numbers.columns, curves=ranked.curves, looks=looks, scale=scale_of(ranked.ranking, ranked.by),
        link=lambda entry: paths[entry.path].page,
    )  # fmt: skip
