"""Writes the board as a static site: pages, the ranking as data, and the records with their signatures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from benchmark.datasets.image_set import ImageSet
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.trust import Trust
from leaderboard.board.board import Entry
from leaderboard.board.comparison import CellPredictions
from leaderboard.board.measures import resampled
from leaderboard.board.stability import SENSITIVITY
from leaderboard.board.standings import arenas, columns_of
from leaderboard.export.arena_ranking import ArenaRanking, rank_arena
from leaderboard.export.comparison_page import compared, comparisons, pair_view, pairs_place, pairs_view
from leaderboard.export.examples_page import examples_view, test_digests
from leaderboard.export.index_page import rejected_table, section
from leaderboard.export.page_figures import Curves
from leaderboard.export.page_renderer import PageRenderer
from leaderboard.export.published_board import read_published_board
from leaderboard.export.record_copies import Copied, copy_record, keys_document
from leaderboard.export.report_figures import figures, page_files
from leaderboard.export.report_page import page_parts, report_blocks
from leaderboard.export.site_folder import check_replaceable, replaced_site
from leaderboard.export.site_paths import INDEX, KEYS, METHODS, RANKING, REPORT, EntryPaths, entry_paths, stems
from leaderboard.export.submission_page import submission_view
from leaderboard.markup.svg import as_file
from leaderboard.markup.tables import from_frame
from leaderboard.reading.board_loader import BoardSnapshot
from leaderboard.reading.maps import read_maps
from leaderboard.reading.outcomes import read_outcomes
from leaderboard.reading.pictures import read_pictures
from leaderboard.reading.record_store import homes
from leaderboard.text.board_frames import number_frame
from leaderboard.text.comparison_words import ABOUT_OVERLAPS, NO_OVERLAPS, POINTWISE, RUN_MISSING
from leaderboard.text.downloads import as_bibtex, as_csv, as_document, as_json
from leaderboard.text.example_words import NO_OUTCOMES, NOTHING_FORGOTTEN
from leaderboard.text.guide import COMMANDS, RULES, SUBMITTING
from leaderboard.text.metric_docs import metric_docs


class NothingToShow(ValueError):  # noqa: N818 - says in plain words why no site was written
    """There is no record that a site could show."""


@dataclass(frozen=True)
class Written:
    """What an export wrote, and which files it left out with what is wrong with each."""

    folder: Path
    num_pages: int
    num_records: int
    num_bytes: int
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Site:
    """An export under way.

    Attributes:
        arenas: every arena, ranked, with the stem of its files.
        paths: where evaluations are, by the path that names them on the board.
        pictures: gives test images by their digest.
        altered: files beside records that were changed after signing, each with that reason.
    """

    folder: Path
    snapshot: BoardSnapshot
    arenas: tuple[tuple[ArenaRanking, str], ...]
    paths: Mapping[str, EntryPaths]
    pages: PageRenderer
    pictures: Callable[[str], ImageSet | None]
    altered: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def write(self, place: str, text: str) -> None:
        """Write a text; what a record holds that is no Unicode becomes question marks."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "replace"))

    def write_figures(self, place: str, figures: Sequence[Curves]) -> None:
        """Write every panel of some figures as an SVG file and the points of each figure as CSV."""
        for number, figure in enumerate(figures, start=1):
            self.write(f"{place}-{number}.csv", figure.data)
            for panel, (_, drawing) in enumerate(figure.panels, start=1):
                self.write(f"{place}-{number}-{panel}.svg", as_file(drawing))


def export(out: Path, trust: Trust) -> Written:
    """Write the site, replacing an earlier export as a whole.

    Raises:
        ForeignFolder: `out` holds something that no export wrote.
        NothingToShow: no record is believed.
        ValueError: a record changed meanwhile.
        OSError: something cannot be read or written.
    """
    check_replaceable(out)
    snapshot = read_published_board(trust)
    left_out = tuple((each.path, each.why) for each in snapshot.rejected)
    if not snapshot.board.entries:
        raise NothingToShow(f"no record to show ({len(left_out)} are not believed); `fmn evaluate simclr` makes one")
    labels = arenas(snapshot.board)
    names = stems(labels.items())
    ranked = tuple((rank_arena(snapshot.board, arena, label), names[arena]) for label, arena in labels.items())
    with replaced_site(out) as folder:
        pictures = lru_cache(maxsize=2)(partial(read_pictures, homes()))
        paths = entry_paths(snapshot.board.entries.values())
        site = _Site(folder, snapshot, ranked, paths, PageRenderer(), pictures)
        num_pages = sum(1 for _ in _write_submissions(site)) + _write_methods(site)
        num_pages += _write_index(site) + _write_report(site)
        _write_data(site)
        num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Written(out.resolve(), num_pages, len(snapshot.board.entries), num_bytes, (*left_out, *site.altered))


def _write_submissions(site: _Site) -> Iterator[str]:
    """Copy every record, and write the pages of every evaluation that counts and of pairs; yields their paths."""
    for ranked, stem in site.arenas:
        counting = {entry.path for entry in ranked.entries}
        outcomes: dict[str, CellPredictions | None] = {entry.path: None for entry in compared(ranked)}
        for entry in (each for evaluations in ranked.groups.values() for each in evaluations):
            place = site.paths[entry.path]
            copied = copy_record(entry, site.folder / place.record, site.snapshot.trust)
            beside = [Path(entry.path).with_name(name) for name in copied.altered]
            site.altered.extend((str(file), "changed after signing") for file in beside)
            if entry.path in counting:
                read = read_outcomes(Path(entry.path), entry.outcomes_sha256)
                if entry.path in outcomes:
                    outcomes[entry.path] = read
                examples = _write_examples(site, entry, copied.record, read) if read else ""
                yield from filter(None, [examples, _write_submission(site, entry, ranked, stem, copied, examples)])
        yield from _write_comparisons(site, ranked, stem, outcomes)


def _write_submission(
    site: _Site, entry: Entry, ranked: ArenaRanking, stem: str, copied: Copied, examples: str
) -> str:
    view = submission_view(site.snapshot.board, entry, ranked, stem, copied, site.paths, examples)
    site.write_figures(view.figures, view.curves)
    site.write(view.place, site.pages.render("submission.html.j2", root="../", it=view, no_outcomes=NO_OUTCOMES))
    return view.place


def _write_examples(site: _Site, entry: Entry, record: EvaluationRecord, outcomes: CellPredictions) -> str:
    """Write the images that pruning forgets and the maps of one evaluation."""
    pictures = {task: site.pictures(digest) for task, digest in test_digests(record).items()}
    maps = read_maps(Path(entry.path), record.maps_sha256)
    page = site.paths[entry.path].page
    view = examples_view(site.snapshot.board, entry, record, page, outcomes, pictures, maps)
    site.write_figures(view.figures, [figure for _, _, figure in view.maps])
    site.write(view.place, site.pages.render(
        "examples.html.j2", root="../", it=view, nothing_forgotten=NOTHING_FORGOTTEN))  # fmt: skip
    return view.place


def _write_comparisons(
    site: _Site, ranked: ArenaRanking, stem: str, outcomes: Mapping[str, CellPredictions | None]
) -> Iterator[str]:
    """Write a page per pair of a board and the table that leads to them, where there is a pair."""
    board = site.snapshot.board
    found = comparisons(board, ranked, outcomes)
    for pair, comparison in found.items():
        view = pair_view(board, ranked, stem, pair, comparison, site.paths)
        site.write_figures(view.figures, view.curves)
        site.write(view.place, site.pages.render(
            "pair.html.j2", root="../../", it=view, run_missing=RUN_MISSING, readings=SENSITIVITY, pointwise=POINTWISE,
            about_overlaps=ABOUT_OVERLAPS, no_overlaps=NO_OVERLAPS))  # fmt: skip
        yield view.place
    if found:
        it = pairs_view(ranked, stem, found, site.paths)
        site.write(pairs_place(stem), site.pages.render("pairs.html.j2", root="../", it=it))
        yield pairs_place(stem)


def _write_index(site: _Site) -> int:
    sections = [
        section(site.snapshot, ranked, stem, site.paths, _downloads(stem)) for ranked, stem in site.arenas
    ]  # fmt: skip
    for each in sections:
        site.write_figures(each.figures, each.curves)
        if each.intervals:
            site.write(f"{each.figures}-intervals.svg", as_file(each.intervals.drawing))
    rejected = site.snapshot.rejected
    newest = max(entry.created for entry in site.snapshot.board.entries.values())
    site.write(INDEX, site.pages.render(
        "index.html.j2", root="", sections=sections, newest=newest[:10], rules=RULES, submitting=SUBMITTING,
        commands=COMMANDS, num_rejected=len(rejected), rejected=rejected_table(rejected) if rejected else None,
        num_records=len(site.snapshot.board.entries), ranking=RANKING, keys=KEYS,
    ))  # fmt: skip
    return 1


def _write_methods(site: _Site) -> int:
    columns = columns_of(list(site.snapshot.board.entries.values())).values()
    table = from_frame(number_frame(columns), "Every number")
    site.write(METHODS, site.pages.render(
        "methods.html.j2", root="", rules=RULES, numbers=table, metrics=metric_docs(), submitting=SUBMITTING,
        commands=COMMANDS,
    ))  # fmt: skip
    return 1


def _write_report(site: _Site) -> int:
    blocks = report_blocks(site.snapshot)
    drawn = figures(blocks)
    for place, text in page_files(drawn):
        site.write(place, text)
    parts = page_parts(blocks, drawn, lambda path: site.paths[path].record)
    site.write(REPORT, site.pages.render("report.html.j2", root="", report=parts))
    return 1


def _write_data(site: _Site) -> None:
    for ranked, stem in site.arenas:
        columns = ranked.numbers.columns
        texts = as_csv(ranked.ranking, list(columns)), as_json(ranked.ranking, columns), as_bibtex(ranked.ranking)
        for place, text in zip(_downloads(stem).values(), texts, strict=True):
            site.write(place, text)
    boards = [_arena_document(site, ranked, stem) for ranked, stem in site.arenas]
    rejected = [{"record": Path(each.path).name, "why": each.why} for each in site.snapshot.rejected]
    site.write(RANKING, json.dumps({"format": 1, "arenas": boards, "rejected": rejected}, indent=1))
    site.write(KEYS, keys_document(site.snapshot.board.entries.values(), site.snapshot.trust))


def _arena_document(site: _Site, ranked: ArenaRanking, stem: str) -> dict[str, Any]:
    """Return one arena as data: the rows of every track as in the download, each with where its page and record are."""
    arena, column = ranked.arena, ranked.numbers.columns[ranked.by]
    tracks: dict[str, list[dict[str, Any]]] = {}
    for track in ranked.tracks:
        ranking = ranked.track(track)
        rows = as_document(ranking, ranked.numbers.columns)["rows"]
        tracks[track] = [
            {**facts, "page": site.paths[row.entry.path].page, "record": site.paths[row.entry.path].record}
            for facts, row in zip(rows, ranking, strict=True)
        ]
    return {
        "name": stem, "label": ranked.label, "specification": arena.identity, "digest": arena.digest,
        "tier": arena.tier, "ranked_by": ranked.by, "better": column.better,
        "intervals_resample": resampled(ranked.by, ranked.ranking), "tracks": tracks,
        "columns": as_document([], ranked.numbers.columns)["columns"],
    }  # fmt: skip


def _downloads(stem: str) -> dict[str, str]:
    return {title: f"data/{stem}.{ending}" for title, ending in (("CSV", "csv"), ("JSON", "json"), ("BibTeX", "bib"))}
