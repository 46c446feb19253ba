"""What the index page of an exported site holds, as plain data for its template: one section per arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaderboard.board.claims import SECTIONS, Claim
from leaderboard.board.measures import resampled
from leaderboard.board.stability import ORDER_HEADINGS, SENSITIVITY, leaders, neighbouring_orders, order_frame
from leaderboard.board.wording import TIERS, heading, one_line, p_value, track_title
from leaderboard.export.arena_ranking import ArenaRanking, ranking_layout
from leaderboard.export.comparison_page import pairs_place
from leaderboard.export.page_figures import Curves, schedule_curves
from leaderboard.export.site_paths import EntryPaths
from leaderboard.figures.palette import looks
from leaderboard.markup.interval_plot import Intervals, interval_plot
from leaderboard.markup.ranking_table import ranking_table
from leaderboard.markup.tables import Table, from_frame, number
from leaderboard.reading.board_loader import BoardSnapshot
from leaderboard.reading.record_store import Rejected
from leaderboard.text.board_frames import failed_run_frame, rejected_frame
from leaderboard.text.claim_table import HEADINGS, claim_frame
from leaderboard.text.headline import headline, verdict_sentence

MAX_CURVES, MAX_CLAIMS, MAX_FAILURES, MAX_REJECTED = 6, 40, 200, 200


@dataclass(frozen=True)
class Question:
    """What the planned tests of one kind say."""

    title: str
    how: str
    answer: str
    tests: int
    table: Table


@dataclass(frozen=True)
class Section:
    """One arena on the page."""

    name: str
    label: str
    tier: str
    headline: str
    sort_key: str
    better: str
    resampled: str
    tracks: tuple[tuple[str, Table], ...]
    larger: tuple[tuple[str, Table], ...]
    intervals: Intervals | None
    curves: tuple[Curves, ...]
    num_without_curve: int
    questions: tuple[Question, ...]
    level: str
    family: int
    stability: Table
    orders: Table | None
    readings: str
    failures: Table | None
    downloads: tuple[tuple[str, str], ...]
    compare: str

    @property
    def figures(self) -> str:
        """How the places of its figures begin."""
        return f"figures/{self.name}"


def section(
    snapshot: BoardSnapshot, ranked: ArenaRanking, name: str, paths: Mapping[str, EntryPaths],
    downloads: Mapping[str, str],
) -> Section:  # fmt: skip
    """Arrange everything that the page shows of an arena.

    Args:
        snapshot: the board.
        ranked: the arena, ranked.
        name: of the section, unique on the page.
        paths: where evaluations are on the site.
        downloads: title and place of the files of this arena.
    """
    column = ranked.numbers.columns[ranked.by]
    drawn = ranked.by_score()[:MAX_CURVES]
    tasks = sorted({task for entry in drawn for task in entry.tasks})
    colours = looks(snapshot.board.names_by_age)
    curves = [schedule_curves(snapshot.board, drawn, colours, task) for task in tasks]
    level = 1 - ranked.entries[0].confidence
    layout, large = (ranking_layout(ranked, colours, paths, is_large=each) for each in (False, True))
    return Section(
        name=name,
        label=one_line(ranked.label),
        tier=TIERS.get(ranked.arena.tier, ""),
        headline=headline(ranked.ranking, ranked.claims, level),
        sort_key=heading(column),
        better=column.better,
        resampled=resampled(ranked.by, ranked.ranking),
        tracks=tuple(
            (track_title(track), ranking_table(layout, ranked.track(track), f"Ranking, {ranked.label}"))
            for track in ranked.tracks
        ),
        larger=tuple(
            (track_title(track), ranking_table(large, ranked.track(track), f"More columns, {ranked.label}"))
            for track in ranked.tracks
        ),
        intervals=interval_plot(ranked.ranking, ranked.by, colours),
        curves=tuple(each for each in curves if each),
        num_without_curve=len(ranked.groups) - len(drawn),
        questions=tuple(_questions(ranked.claims, ranked, level)),
        level=f"{level:.2g}",
        family=len(ranked.claims),
        stability=_stability(ranked),
        orders=_orders(snapshot, ranked),
        readings=SENSITIVITY,
        failures=_failures(ranked),
        downloads=tuple(downloads.items()),
        compare=pairs_place(name) if len(ranked.groups) > 1 else "",
    )


def rejected_table(rejected: Sequence[Rejected]) -> Table:
    """Name the records that are not shown, with what is wrong with each; where they lie on this machine is left out."""
    frame = rejected_frame(rejected[:MAX_REJECTED]).drop(columns="Place")
    return from_frame(frame, "Records that are not shown")


def _questions(found: Sequence[Claim], ranked: ArenaRanking, level: float) -> list[Question]:
    names = {entry.path: entry.name for entry in ranked.entries}
    made: list[Question] = []
    for kind, (title, how) in SECTIONS.items():
        mine = [claim for claim in found if claim.kind == kind]
        if not mine:
            continue
        frame = claim_frame(mine[:MAX_CLAIMS], names, level)
        frame = frame.drop(columns="submission") if kind == "submissions" else frame
        formats = {"difference": lambda value: f"{value:.4f}", "p_holm": p_value, "p": p_value}
        answer = verdict_sentence(kind, mine, level)
        made.append(Question(title, how, answer, len(mine), from_frame(frame, title, HEADINGS, formats)))
    return made


def _stability(ranked: ArenaRanking) -> Table:
    columns = ranked.numbers.columns
    found = leaders(ranked.ranking, {name: columns[name] for name in ranked.numbers.of_whole_submissions}, ranked.by,
                    ranked.separated)  # fmt: skip
    headings = {"by": "Ranked by", "leaders": "Not separated from the best", "agreement": "Agreement"}
    return from_frame(found, "Leaders by every number", headings, {"agreement": lambda value: number(value, 2)})


def _orders(snapshot: BoardSnapshot, ranked: ArenaRanking) -> Table | None:
    found = neighbouring_orders(snapshot.board, ranked.entries)[:MAX_CLAIMS]
    return from_frame(order_frame(found), "Orders by every reading", ORDER_HEADINGS) if found else None


def _failures(ranked: ArenaRanking) -> Table | None:
    frame = failed_run_frame(ranked.entries)
    return from_frame(frame.head(MAX_FAILURES), "Failed runs") if len(frame) else None
