"""Turns tables into pieces of HTML with escaping always on, and owns the style that goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from leaderboard.markup.tables import Table

TEMPLATES = Path(__file__).with_name("templates")


def environment(*folders: Path) -> Environment:
    """Return templates of these folders and of this room, in which every text is escaped."""
    return Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip


@cache
def style(name: str) -> str:
    """Return a style sheet of this room: `table`, `gallery`, `intervals`; the page around sets its colours."""
    return (TEMPLATES / f"{name}.css").read_text(encoding="utf-8")


@cache
def _own() -> Environment:
    return environment()


def render(template: str, **data: object) -> str:
    """Fill a template of this room."""
    return _own().get_template(template).render(**data)


def intervals_html(intervals: object) -> str:
    """Write an interval plot of `leaderboard.markup.interval_plot`."""
    return render("intervals.html.j2", intervals=intervals)


def tables_html(tables: Sequence[tuple[str, Table]]) -> str:
    """Write tables one below the other, each below its title; an empty title is left out."""
    return render("tables.html.j2", tables=tables)
