"""What the first page of an exported site holds, as plain data for its template: one section per arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leaderboard.board.claims import SECTIONS, Claim, claim_frame, claims
from leaderboard.board.measures import resampled
from leaderboard.board.stability import leaders
from leaderboard.board.standings import SCORE, rows
from leaderboard.board.wording import TIERS, heading, one_line, percent
from leaderboard.export.panels import Curves, Intervals, interval_plot, schedule_curves
from leaderboard.export.places import Place
from leaderboard.export.ranked import Ranked, ranked_table, track_title
from leaderboard.export.tables import Table, from_frame, listing, number
from leaderboard.reading.opened import Opened
from leaderboard.reading.record_store import Rejected

MAX_CURVES, MAX_CLAIMS, MAX_FAILURES, MAX_REJECTED = 6, 40, 200, 200


@dataclass(frozen=True)
class Question:
    """What the planned tests of one kind say."""

    title: str
    how: str
    holding: int
    tests: int
    table: Table


@dataclass(frozen=True)
class Section:
    """One arena on the page."""

    name: str
    label: str
    tier: str
    sort_key: str
    better: str
    resampled: str
    tracks: tuple[tuple[str, Table], ...]
    intervals: Intervals | None
    curves: tuple[Curves, ...]
    num_without_curve: int
    questions: tuple[Question, ...]
    level: str
    family: int
    stability: Table
    failures: Table | None
    downloads: tuple[tuple[str, str], ...]


def section(
    gathered: Opened, ranked: Ranked, name: str, places: Mapping[str, Place], downloads: Mapping[str, str]
) -> Section:
    """Arrange everything that the page shows of an arena.

    Args:
        gathered: the board.
        ranked: the arena, ranked.
        name: of the section, unique on the page.
        places: where evaluations are on the site.
        downloads: title and place of the files of this arena.
    """
    column = ranked.numbers.columns[ranked.by]
    together = rows(ranked.groups, ranked.numbers.scores, SCORE, "higher", each_track=False)
    drawn = [row.entry for row in together][:MAX_CURVES]
    tasks = sorted({task for entry in drawn for task in entry.tasks})
    curves = [schedule_curves(gathered.board, drawn, gathered.looks, task) for task in tasks]
    level = 1 - ranked.entries[0].confidence
    found = claims(gathered.board, [evaluations[0] for evaluations in ranked.groups.values()])
    return Section(
        name=name,
        label=one_line(ranked.label),
        tier=TIERS.get(ranked.arena.tier, ""),
        sort_key=heading(column),
        better=column.better,
        resampled=resampled(ranked.by, ranked.ranking),
        tracks=tuple(
            (track_title(track), ranked_table(ranked, ranked.track(track), gathered.looks, places))
            for track in ranked.tracks
        ),
        intervals=interval_plot(ranked.ranking, ranked.by, gathered.looks),
        curves=tuple(each for each in curves if each),
        num_without_curve=len(together) - len(drawn),
        questions=tuple(_questions(found, ranked, level)),
        level=f"{level:.2g}",
        family=found[0].family if found else 0,
        stability=_stability(ranked),
        failures=_failures(ranked),
        downloads=tuple(downloads.items()),
    )


def rejected_table(rejected: Sequence[Rejected]) -> Table:
    """Name the records that are not shown, with what is wrong with each; where they are is nobody's business."""
    named = [(one_line("/".join(Path(each.path).parts[-2:])), one_line(each.why, 400)) for each in rejected]
    return listing("Records that are not shown", ["Record", "Why"], named[:MAX_REJECTED])


def _questions(found: Sequence[Claim], ranked: Ranked, level: float) -> list[Question]:
    names = {entry.path: entry.name for entry in ranked.entries}
    made: list[Question] = []
    for kind, (title, how) in SECTIONS.items():
        mine = [claim for claim in found if claim.kind == kind]
        if not mine:
            continue
        frame = claim_frame(mine[:MAX_CLAIMS], names, level)
        frame = frame.drop(columns="submission") if kind == "submissions" else frame
        headings = {"submission": "Submission", "first": "First", "second": "Second", "verdict": "Verdict",
                    "difference": "First - second", "p_holm": "p (Holm)", "p": "p alone"}  # fmt: skip
        formats = {"difference": lambda value: f"{value:+.4f}", "p_holm": _p_value, "p": _p_value}
        holding = sum(claim.p_holm <= level for claim in mine)
        made.append(Question(title, how, holding, len(mine), from_frame(frame, title, headings, formats)))
    return made


def _p_value(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _stability(ranked: Ranked) -> Table:
    columns = ranked.numbers.columns
    judged = [name for name in ranked.numbers.rankable if not name.startswith(("cost/", "dense:", "pruned:"))]
    found = leaders(ranked.ranking, {name: columns[name] for name in judged}, ranked.by)
    headings = {"by": "Ranked by", "leaders": "Not separated from the best", "agreement": "Agreement"}
    return from_frame(found, "Leaders by every number", headings, {"agreement": lambda value: number(value, 2)})


def _failures(ranked: Ranked) -> Table | None:
    failed = [(entry, run) for entry in ranked.entries for run in entry.failed]
    texts = [
        (one_line(entry.name, 80), one_line(run.schedule, 40), percent(run.sparsity), str(run.seed),
         run.reason.replace("_", " "), one_line(run.message))
        for entry, run in failed[:MAX_FAILURES]
    ]  # fmt: skip
    names = ["Submission", "Schedule", "Sparsity", "Model", "Reason", "Message"]
    return listing("Failed runs", names, texts) if failed else None
