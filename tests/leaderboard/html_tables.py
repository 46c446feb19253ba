"""Reads the tables and links of a page as a browser would, without one."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


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
