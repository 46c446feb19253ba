"""What a report is made of, before it is a page: words, tables and figures, every number with its records.

It owns these few shapes. Pages of any kind are made from them elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaderboard.figures.charts import Level, Line, Span

BOARD_LEVEL = 3
"""Level of the headings that name a board."""


@dataclass(frozen=True)
class Text:
    """A piece of text, and the paths of the records that it comes from; () for words."""

    text: str
    records: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heading:
    """A heading: level 2 is a claim, 3 a board."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Sentences."""

    parts: tuple[Text, ...]


@dataclass(frozen=True)
class Table:
    """A table; every row has as many cells as there are headings."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True)
class Figure:
    """Lines against sparsity: `name` is that of its file, `title` says what is drawn."""

    name: str
    title: str
    lines: tuple[Line, ...]
    levels: tuple[Level, ...] = ()


@dataclass(frozen=True)
class Intervals:
    """Effects with their intervals, in rows of a name each; `margin` is what is too small to matter.

    `name` is that of its file, `title` says what is drawn.
    """

    name: str
    title: str
    spans: tuple[Span, ...]
    margin: float


Block = Heading | Paragraph | Table | Figure | Intervals


def said(*parts: str | Text) -> Paragraph:
    """Return a paragraph of words and numbers."""
    return Paragraph(tuple(Text(part) if isinstance(part, str) else part for part in parts))


def table(headings: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """Return a table of words and numbers."""
    made = (tuple(Text(cell) if isinstance(cell, str) else cell for cell in row) for row in rows)
    return Table(tuple(headings), tuple(made))
