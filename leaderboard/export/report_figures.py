"""The figures of the report: drawn once, then inline in a page, or as files of their own with their points beside them.

It owns names of files, legends, and the style that a figure has outside of a page. It chooses nothing that is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from leaderboard.export.site_paths import slug
from leaderboard.figures.charts import limits
from leaderboard.figures.palette import Look
from leaderboard.markup.forest import forest, forest_height
from leaderboard.markup.svg import curve_panel, mark
from leaderboard.report.blocks import BOARD_LEVEL, Block, Figure, Heading, Intervals
from leaderboard.text.downloads import curves_csv, spans_csv

FIGURES = "figures/report"
"""Where an exported site has the figures of its report."""

ALL_BOARDS = "boards"
"""What the name of a figure about several boards begins with."""

_STYLE = (
    "svg{font:12px system-ui,sans-serif;background:#fff}text{fill:#3a434c}.grid{stroke:#d4dae0}.level{font-size:11px}"
)
_CURVE_HEIGHT = 270


@dataclass(frozen=True)
class Drawn:
    """A figure: its file's name, what it shows, and the drawing."""

    name: str
    figure: Figure | Intervals
    svg: Markup

    @property
    def looks(self) -> dict[str, Look]:
        """What a legend says: every name once, with colour and marker."""
        shown = self.figure.spans if isinstance(self.figure, Intervals) else self.figure.lines
        return {each.name: Look(each.colour, each.marker) for each in shown}


def figures(blocks: Sequence[Block]) -> dict[int, Drawn]:
    """Draw the figures of a report, by the place of their block; names are unique."""
    drawn: dict[int, Drawn] = {}
    place = ""
    for index, block in enumerate(blocks):
        if isinstance(block, Heading):
            place = slug(block.text.partition(" ")[0]) if block.level == BOARD_LEVEL else ALL_BOARDS
        if isinstance(block, Figure | Intervals) and (svg := _drawing(block)):
            drawn[index] = Drawn(f"{place}-{slug(block.name)}".replace(".", "-"), block, svg)
    return drawn


def _drawing(block: Figure | Intervals) -> Markup | None:
    """Draw; nothing where there is nothing to draw."""
    if isinstance(block, Intervals):
        return forest(block.spans, block.margin, block.title) if block.spans else None
    if not block.lines:
        return None
    return curve_panel(block.lines, block.levels, limits(block.lines, block.levels), block.title)


def figure_part(drawn: Drawn) -> Markup:
    """Return a figure as a part of a page, with its legend and its files."""
    items = (Markup("<li>{}<span>{}</span></li>").format(mark(look), name) for name, look in drawn.looks.items())
    return Markup(
        '<ul class="legend">{}</ul><div class="panels"><figure><figcaption>{}</figcaption>{}</figure></div>'
        '<p class="note files-line">As files: <a href="{}.svg" download>figure (SVG)</a>, '
        '<a href="{}.csv" download>data (CSV)</a>.</p>'
    ).format(Markup("").join(items), drawn.figure.title, drawn.svg, *[f"{FIGURES}/{drawn.name}"] * 2)


def page_files(drawn: Mapping[int, Drawn]) -> Iterator[tuple[str, str]]:
    """Yield place and text of every file that the page of a site links to: figures and their points."""
    for each in drawn.values():
        yield f"{FIGURES}/{each.name}.svg", standalone(each)
        figure = each.figure
        points = spans_csv(figure.spans) if isinstance(figure, Intervals) else curves_csv({figure.title: figure.lines})
        yield f"{FIGURES}/{each.name}.csv", points


_WIDTH, _MARGIN, _MAX_PER_ROW = 410, 14, 3
_LETTER, _BESIDE_NAME = 6.5, 22
"""Widths in a legend: of a letter of usual width, and of what stands beside a name."""


def standalone(drawn: Drawn) -> str:
    """Return a figure as a file of its own: with its style, its title and a legend below."""
    inner = str(drawn.svg).partition(">")[2].removesuffix("</svg>")
    top = forest_height(drawn.figure.spans) if isinstance(drawn.figure, Intervals) else _CURVE_HEIGHT
    looks = drawn.looks
    longest = _BESIDE_NAME + _LETTER * max(map(len, looks), default=0)
    per_row = max(1, min(_MAX_PER_ROW, int((_WIDTH - _MARGIN) // longest)))
    step = (_WIDTH - _MARGIN) // per_row
    width = max(_WIDTH, int(_MARGIN + longest))
    places = [(_MARGIN + step * (each % per_row), top + 14 + 18 * (each // per_row)) for each in range(len(looks))]
    legend = "".join(
        f'<g transform="translate({x},{y})">{_mark(look)}</g><text x="{x + 10}" y="{y + 4}">{escape(name)}</text>'
        for (x, y), (name, look) in zip(places, looks.items(), strict=True)
    )
    height = max((y for _, y in places), default=top + 14) + 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="560" role="img" '
        f'aria-label="{escape(drawn.figure.title)}"><style>{_STYLE}</style>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{inner}{legend}</svg>\n'
    )


def _mark(look: Look) -> str:
    """Return the marker of a look around (0, 0), without the drawing around it."""
    return str(mark(look)).partition(">")[2].removesuffix("</svg>")
