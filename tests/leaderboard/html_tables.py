"""Reads the tables and links of a page as a browser would, without one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pandas as pd
from streamlit.testing.v1 import AppTest


@dataclass
class Shown:
    """One cell: its text and the smaller line below it."""

    text: str = ""
    below: str = ""


@dataclass
class PageReader(HTMLParser):
    """Everything on a page that matters to a test.

    Attributes:
        tables: rows of cells, headings first, by the label of the table.
        tags: all tags seen, with their attributes.
        text: everything that can be read.
    """

    tables: dict[str, list[list[Shown]]] = field(default_factory=dict[str, list[list[Shown]]])
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._rows: list[list[Shown]] = []
        self._cell: Shown | None = None
        self._below = self._hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "div" and given.get("class") == "scroll":
            label, count = given["aria-label"], 1
            while (name := label if count == 1 else f"{label} {count}") in self.tables:
                count += 1
            self._rows = self.tables[name] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._cell = Shown()
            self._rows[-1].append(self._cell)
        self._below = tag == "small"
        self._hidden = self._hidden or tag == "style"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = None
        if tag == "small":
            self._below = False
        if tag == "style":
            self._hidden = False

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        self.text += data
        if self._cell is not None and self._below:
            self._cell.below += data
        elif self._cell is not None:
            self._cell.text += data


def read_page(html: str) -> PageReader:
    """Read a page."""
    reader = PageReader()
    reader.feed(html)
    reader.close()
    return reader


def served_ranking(app: AppTest) -> pd.DataFrame:
    """Read the ranked tables of a served page, one below the other.

    Returns:
        A column of texts per heading, without its arrow; of what stands below, `<heading> below`.
    """
    [component] = (each for each in app.get("bidi_component") if "ranking" in each.proto.component_name)
    page = read_page(json.loads(component.proto.json)["html"])
    found: list[dict[str, str]] = []
    for heads, *rows in page.tables.values():
        names = [head.text.rstrip(" ↑↓\u00a0") for head in heads]
        found += [
            {name: cell.text for name, cell in zip(names, row, strict=True)}
            | {f"{name} below": cell.below for name, cell in zip(names, row, strict=True)}
            for row in rows
        ]
    return pd.DataFrame(found).fillna("")
