"""Writes the report to `docs/report.md` with its figures beside it (`make report`), and as a page of an exported site.

It owns how blocks become Markdown and HTML, and which records are read for them. It writes no sentence of its own, and
`report_figures.py` draws.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from markupsafe import Markup, escape

from benchmark.files.atomic import write_atomically
from benchmark.recording.archive import read_record
from benchmark.recording.trust import load_trust
from leaderboard.board.board import Entry
from leaderboard.board.standings import arenas, competitors
from leaderboard.board.wording import tier_place
from leaderboard.export.report_figures import Drawn, figure_part, figures, standalone
from leaderboard.figures.palette import looks
from leaderboard.reading.board_loader import BoardSnapshot, read_board
from leaderboard.reading.outcomes import read_outcomes
from leaderboard.reading.record_store import SHIPPED
from leaderboard.report.blocks import Block, Figure, Heading, Intervals, Table, Text
from leaderboard.report.findings import Findings, Method, find
from leaderboard.report.words import report

LEVEL = 0.05
"""Error that all tests of a board make together."""


def report_blocks(snapshot: BoardSnapshot) -> list[Block]:
    """Test the claims on every board and write the report; boards of more images and of a higher tier come first."""
    board = snapshot.board
    findings: list[Findings] = []
    for label, arena in arenas(board).items():
        counting = [evaluations[0] for evaluations in competitors(board, arena).values()]
        methods = [method for entry in counting if not entry.barred and (method := _method(entry))]
        methods.sort(key=lambda method: (method.entry.supervision != "labels", -_mean_score(snapshot, method.entry)))
        if (found := find(label, methods, LEVEL)).methods:
            findings.append(found)
    findings.sort(key=lambda each: (tier_place(each.methods[0].entry.tier), -each.num_train))
    return report(board, findings, looks(board.names_by_age), LEVEL)


def _mean_score(snapshot: BoardSnapshot, entry: Entry) -> float:
    evidence = snapshot.board.evidence.get(entry.path)
    return evidence.score.value if evidence else 0.0


def _method(entry: Entry) -> Method | None:
    outcomes = read_outcomes(Path(entry.path), entry.outcomes_sha256)
    if outcomes is None:
        return None
    record = read_record(Path(entry.path))
    floor = {each.task: each.value for each in entry.references if each.name == "untrained" and each.value is not None}
    num_train = {task: int(record.datasets[task]["num_train"]) for task in entry.tasks}
    return Method(entry, outcomes, floor, record.spec, num_train)


def markdown(blocks: Sequence[Block], drawn: Mapping[int, Drawn], link: Callable[[str], str], folder: str) -> str:
    """Return a report as Markdown.

    Args:
        blocks: the report.
        drawn: its figures, by the place of their block.
        link: gives the address of a record by its path.
        folder: address of the folder of the figures.
    """
    return "\n\n".join(_markdown_of(block, drawn.get(index), link, folder) for index, block in enumerate(blocks)) + "\n"


def _markdown_of(block: Block, drawn: Drawn | None, link: Callable[[str], str], folder: str) -> str:
    def text(part: Text) -> str:
        words = part.text.replace("|", "/")
        if not part.records or not words:
            return words
        first, *others = (link(path) for path in part.records)
        return f"[{words}]({first})" + "".join(f"[{_SMALL}]({other})" for other in others)

    if isinstance(block, Heading):
        return f"{'#' * block.level} {block.text}"
    if isinstance(block, Table):
        rows = [block.headings, ["---"] * len(block.headings), *([text(cell) for cell in row] for row in block.rows)]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)
    if isinstance(block, Figure | Intervals):
        names = ", ".join(drawn.looks) if drawn else ""
        return f"![{block.title}: {names}]({folder}/{drawn.name}.svg)\n\n*{block.title}*" if drawn else ""
    return "".join(text(part) for part in block.parts)


_SMALL = "*"
"""What links to the second and further records of a number."""


def page_parts(blocks: Sequence[Block], drawn: Mapping[int, Drawn], link: Callable[[str], str]) -> Markup:
    """Return a report as HTML, foreign text escaped.

    Args:
        blocks: the report.
        drawn: its figures, by the place of their block.
        link: gives the address of a record on the site by its path.
    """
    return Markup("\n").join(_html_of(block, drawn.get(index), link) for index, block in enumerate(blocks))


def _html_of(block: Block, drawn: Drawn | None, link: Callable[[str], str]) -> Markup:
    def text(part: Text) -> Markup:
        if not part.records or not part.text:
            return escape(part.text)
        first, *others = (link(path) for path in part.records)
        more = Markup("").join(Markup('<a href="{}">*</a>').format(other) for other in others)
        return Markup('<a href="{}">{}</a>{}').format(first, part.text, more)

    if isinstance(block, Heading):
        return Markup("<h{0}>{1}</h{0}>").format(block.level, block.text)
    if isinstance(block, Table):
        head = Markup("").join(Markup('<th scope="col">{}</th>').format(each) for each in block.headings)
        rows = Markup("").join(
            Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(text(cell)) for cell in row))
            for row in block.rows
        )
        return Markup(
            '<div class="scroll" role="region" aria-label="Numbers" tabindex="0"><table><thead><tr>{}</tr></thead>'
            "<tbody>{}</tbody></table></div>"
        ).format(head, rows)
    if isinstance(block, Figure | Intervals):
        return figure_part(drawn) if drawn else Markup("")
    return Markup("<p>{}</p>").format(Markup("").join(text(part) for part in block.parts))


def write_report(snapshot: BoardSnapshot, page: Path) -> Iterator[Path]:
    """Write the page and its figures, which lie in a folder of the page's name; figures of before are removed.

    Yields:
        Every file that was written.

    Raises:
        OSError: something cannot be written.
    """
    blocks, folder = report_blocks(snapshot), page.with_suffix("")
    drawn = figures(blocks)
    wanted = {f"{each.name}.svg": standalone(each) for each in drawn.values()}
    for old in folder.glob("*.svg"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        write_atomically(folder / name, text.encode())
        yield folder / name

    def link(path: str) -> str:
        return Path(os.path.relpath(path, page.resolve().parent)).as_posix()

    write_atomically(page, (INTRODUCTION + markdown(blocks, drawn, link, folder.name)).encode())
    yield page


INTRODUCTION = """# The founding study's claims, on every board

Written by `make report` from the records in [`results/`](../results), in seconds (`docs/performance.md`); a test holds
the page to them.

"""


def main() -> None:
    """Write the report of the records that ship to the page given as the only argument."""
    for path in write_report(read_board([SHIPPED], load_trust()), Path(sys.argv[1])):
        print(path)


if __name__ == "__main__":
    main()
