"""What the page of one submission holds, as plain data for its template: every number of its record, and its facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from benchmark.recording.record import CellRecord, EvaluationRecord
from benchmark.scoring.metric import Column
from leaderboard.board.board import Board, Entry
from leaderboard.board.standings import columns_of, describe
from leaderboard.board.wording import heading, one_line, percent, track_title, web_address
from leaderboard.export.arena_ranking import ArenaRanking
from leaderboard.export.comparison_page import pairs_place
from leaderboard.export.page_figures import Curves, own_curves
from leaderboard.export.record_copies import Copied
from leaderboard.export.site_paths import KEYS, EntryPaths
from leaderboard.markup.tables import Cell, Heading, Table, from_frame, number, unbroken
from leaderboard.text.commands import reproduce_command
from leaderboard.text.facts import (
    ABOUT_HEADLINES,
    Headline,
    cell_frame,
    cost_sentence,
    data_sentence,
    evaluation_label,
    facts_frame,
    headlines,
    pretty,
    summary_frame,
)

MAX_FAILURES, MAX_LOG_CHARACTERS = 50, 20_000


@dataclass(frozen=True)
class FailedRun:
    """One run without a score; all of it but `where` is what the submission said."""

    where: str
    message: str
    log: str


@dataclass(frozen=True)
class SubmissionView:
    """One evaluation on its page. Addresses are relative to the root of the site."""

    name: str
    description: str
    paper: str | None
    label: str
    section: str
    track: str
    barred: str
    seed_groups: str
    headlines: tuple[Headline, ...]
    about: str
    cost: str
    reproduce: tuple[str, ...]
    verify: str
    keys: str
    files: tuple[tuple[str, str, str], ...]
    absent: tuple[str, ...]
    altered: tuple[str, ...]
    signer: str
    curves: tuple[Curves, ...]
    summary: Table
    cells: tuple[tuple[str, Table], ...]
    facts: Table
    settings: tuple[tuple[str, str], ...]
    failures: tuple[FailedRun, ...]
    num_failed: int
    others: tuple[tuple[str, str], ...]
    place: str
    examples: str
    compare: str

    @property
    def figures(self) -> str:
        """How the places of its figures begin."""
        return f"figures/{PurePosixPath(self.place).with_suffix('')}"


def submission_view(
    board: Board, entry: Entry, ranked: ArenaRanking, section: str, copied: Copied, paths: Mapping[str, EntryPaths],
    examples: str,
) -> SubmissionView:  # fmt: skip
    """Arrange everything that the site shows of one evaluation; `examples` is where its images are, if anywhere."""
    record, columns = copied.record, columns_of([entry])
    curves = [own_curves(board, entry, task) for task in entry.tasks]
    folder, file = PurePosixPath(paths[entry.path].record).parent, PurePosixPath(paths[entry.path].record).name
    failed = [run for run in record.runs if run.failure]
    return SubmissionView(
        name=one_line(entry.name, 80),
        description=one_line(entry.description, 1000),
        paper=web_address(entry.paper),
        label=one_line(ranked.label),
        section=section,
        track=track_title(entry.supervision),
        barred=entry.barred,
        seed_groups=entry.seed_groups,
        headlines=tuple(_head(entry, ranked, columns)),
        about=ABOUT_HEADLINES,
        cost=f"{cost_sentence(record)} {data_sentence(record)}",
        reproduce=(reproduce_command(record), f"make reproduce RESULT={file}"),
        verify=f"fmn verify {file} --trusted-keys {PurePosixPath(KEYS).name}",
        keys=KEYS,
        files=tuple((name, f"{folder}/{name}", _size(count)) for name, count in copied.files),
        absent=copied.absent,
        altered=copied.altered,
        signer=f"{one_line(entry.signed_by, 60)}, key {entry.key_id}",
        curves=tuple(each for each in curves if each),
        summary=from_frame(summary_frame(record, columns), "Numbers of the whole submission", None,
                           {"Value": lambda value: number(value, 4)}),
        cells=tuple((one_line(task, 80), cell_table(record, task, columns)) for task in entry.tasks),
        facts=from_frame(facts_frame(record, entry), "Facts and cost"),
        settings=(("Hyperparameters", pretty(record.submission.hyperparameters)),
                  ("Environment (can change bits)", pretty(record.environment)),
                  ("Specification", pretty(record.spec))),
        failures=tuple(_failed(record))[:MAX_FAILURES],
        num_failed=len(failed),
        others=tuple((evaluation_label(each), paths[each.path].record)
                     for each in ranked.groups[entry.name] if each.path != entry.path),
        place=paths[entry.path].page,
        examples=examples,
        compare=pairs_place(section) if len(ranked.groups) > 1 else "",
    )  # fmt: skip


def cell_table(record: EvaluationRecord, task: str, columns: Mapping[str, Column]) -> Table:
    """Lay out every number of every cell of a task, each above its interval."""
    frame = cell_frame(record, task, columns)
    described = {
        name: column for name in map(str, frame.columns)
        if f"{name} interval" in frame and (column := describe(name, columns))
    }  # fmt: skip
    headings = [Heading("Cell"), Heading("Models", is_number=True)]
    headings += [Heading(unbroken(heading(column)), column.description, True) for column in described.values()]
    rows = [
        (
            Cell(_cell_name(cell)),
            Cell(str(cell.num_models)),
            *(Cell(number(frame[name].iloc[place], 4), frame[f"{name} interval"].iloc[place]) for name in described),
        )
        for place, cell in enumerate(cell for cell in record.cells if cell.task == task)
    ]
    return Table(f"Every number of every cell, {one_line(task, 80)}", tuple(headings), tuple(rows), num_pinned=1)


def _cell_name(cell: CellRecord) -> str:
    return f"{one_line(cell.schedule, 40)}, {percent(cell.sparsity)}" if cell.sparsity else percent(cell.sparsity)


def _head(entry: Entry, ranked: ArenaRanking, columns: Mapping[str, Column]) -> Iterator[Headline]:
    mine = next(row for row in ranked.ranking if row.entry.path == entry.path)
    if mine.standing.rank is not None:
        ranked_there = sum(row.standing.rank is not None for row in ranked.track(entry.supervision))
        yield Headline("Rank in its track", mine.standing.rank_text, f"of {ranked_there}", "")
    yield from headlines(entry, mine.scores, columns)


def _failed(record: EvaluationRecord) -> list[FailedRun]:
    return [
        FailedRun(
            one_line(f"{run.schedule}, {percent(run.sparsity)}, model {run.seed}: "
                     f"{run.failure.reason.replace('_', ' ')}"),
            run.failure.message[:MAX_LOG_CHARACTERS], run.failure.log[-MAX_LOG_CHARACTERS:],
        )
        for run in record.runs if run.failure
    ]  # fmt: skip


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{max(1, round(count / 2**10))} KiB"
