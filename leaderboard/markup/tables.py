"""Tables as templates draw them: headings and cells of plain text, which the template escapes. Knows no records."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup


@dataclass(frozen=True)
class Heading:
    """Of a column; `about` explains it, and a wide one is left out where the screen is narrow."""

    text: str
    about: str = ""
    is_number: bool = False
    is_wide: bool = False


@dataclass(frozen=True)
class Cell:
    """One cell: a text, a drawing, a smaller line below them, an address, and the name that a box in it picks."""

    text: str = ""
    below: str = ""
    href: str = ""
    drawing: Markup | None = None
    pick: str = ""


MAX_PRINTED_COLUMNS = 12
"""Columns that fit a sheet of paper; a row of more is printed as a list of its cells, each below its row's name."""


@dataclass(frozen=True)
class Table:
    """A table; the first `num_pinned` columns stay in sight where it scrolls."""

    label: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    num_pinned: int = 0

    @property
    def is_too_wide_for_paper(self) -> bool:
        """Whether rows are printed as lists."""
        return len(self.headings) > MAX_PRINTED_COLUMNS


def number(value: object, decimals: int) -> str:
    """Write a number for people; a dash where there is none.

    >>> number(0.12345, 3), number(None, 3)
    ('0.123', '–')
    """
    return f"{value:.{decimals}f}" if isinstance(value, int | float) and math.isfinite(value) else "–"


def unbroken(text: str) -> str:
    """Keep the arrow of a heading, and a percent sign, on the line of the word before it."""
    return re.sub(r" (?=[↑↓%])", "\u00a0", text)


def from_frame(
    frame: pd.DataFrame, label: str, headings: Mapping[str, str] | None = None,
    formats: Mapping[str, Callable[[Any], str]] | None = None,
) -> Table:  # fmt: skip
    """Draw a frame of texts, and of numbers for which `formats` has a spelling, as a table."""
    headings, formats = headings or {}, formats or {}
    names = [str(name) for name in frame.columns]
    spelled = [
        [formats[name](value) if name in formats else str(value) for value in frame[name].tolist()] for name in names
    ]
    rows = tuple(tuple(Cell(text) for text in texts) for texts in zip(*spelled, strict=True))
    return Table(label, tuple(Heading(headings.get(n, n), is_number=n in formats) for n in names), rows)
