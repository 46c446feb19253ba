"""Writes the board as a static site: pages, the ranking as data, and the records with their signatures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.recording.trust import Trust
from leaderboard.board.measures import resampled
from leaderboard.board.standings import arenas, columns_of
from leaderboard.export.arena_ranking import ArenaRanking, rank_arena
from leaderboard.export.index_page import rejected_table, section
from leaderboard.export.page_renderer import PageRenderer
from leaderboard.export.published_board import read_published_board
from leaderboard.export.record_copies import copy_record, keys_document
from leaderboard.export.report_page import page_parts, report_blocks
from leaderboard.export.site_folder import check_replaceable, replaced_site
from leaderboard.export.site_paths import INDEX, KEYS, METHODS, RANKING, REPORT, EntryPaths, entry_paths, stems
from leaderboard.export.submission_page import submission_view
from leaderboard.markup.svg import as_file
from leaderboard.markup.tables import from_frame
from leaderboard.reading.board_loader import BoardSnapshot
from leaderboard.text.board_frames import number_frame
from leaderboard.text.downloads import as_bibtex, as_csv, as_document, as_json
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
        altered: files beside records that were changed after signing, each with that reason.
    """

    folder: Path
    snapshot: BoardSnapshot
    arenas: tuple[tuple[ArenaRanking, str], ...]
    paths: Mapping[str, EntryPaths]
    pages: PageRenderer
    altered: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def write(self, place: str, text: str) -> None:
        """Write a text; what a record holds that is no Unicode becomes question marks."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "replace"))


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
        site = _Site(folder, snapshot, ranked, entry_paths(snapshot.board.entries.values()), PageRenderer())
        num_pages = sum(1 for _ in _write_submissions(site)) + _write_methods(site)
        num_pages += _write_index(site) + _write_report(site)
        _write_data(site)
        num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Written(out.resolve(), num_pages, len(snapshot.board.entries), num_bytes, (*left_out, *site.altered))


def _write_submissions(site: _Site) -> Iterator[str]:
    """Copy every record, and write a page for every evaluation that counts; returns the paths of the pages."""
    for ranked, stem in site.arenas:
        counting = {entry.path for entry in ranked.entries}
        for entry in (each for evaluations in ranked.groups.values() for each in evaluations):
            place = site.paths[entry.path]
            copied = copy_record(entry, site.folder / place.record, site.snapshot.trust)
            beside = [Path(entry.path).with_name(name) for name in copied.altered]
            site.altered.extend((str(file), "changed after signing") for file in beside)
            if entry.path in counting:
                view = submission_view(site.snapshot.board, entry, ranked, stem, copied, site.paths)
                site.write(place.page, site.pages.render("submission.html.j2", root="../", it=view))
                yield place.page


def _write_index(site: _Site) -> int:
    sections = [
        section(site.snapshot, ranked, stem, site.paths, _downloads(stem)) for ranked, stem in site.arenas
    ]  # fmt: skip
    for each in sections:
        for place, figure in enumerate(each.curves, start=1):
            site.write(f"{each.figures}-{place}.csv", figure.data)
            for panel, (_, drawing) in enumerate(figure.panels, start=1):
                site.write(f"{each.figures}-{place}-{panel}.svg", as_file(drawing))
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
    parts = page_parts(report_blocks(site.snapshot), lambda path: site.paths[path].record)
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
