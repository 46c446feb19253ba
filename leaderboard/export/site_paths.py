"""Where everything is within an exported site. Names come from records, so each is reduced to harmless characters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from leaderboard.board.board import Entry
from leaderboard.board.standings import Arena

INDEX, METHODS, REPORT = "index.html", "methods.html", "report.html"
RANKING, KEYS = "data/ranking.json", "data/trusted_keys.yaml"
_MAX_SLUG = 48


@dataclass(frozen=True)
class EntryPaths:
    """Where one evaluation is: its page and its record, relative to the root of the site, with / between folders."""

    page: str
    record: str


def slug(text: str) -> str:
    """Reduce a foreign name to what may be part of a file name everywhere.

    >>> slug("../<img src=x>"), slug("digits-1.0"), slug("...")
    ('img-src-x', 'digits-1.0', 'x')
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text)
    return re.sub(r"[-.]*\.[-.]*", lambda dots: "." if dots[0] == "." else "-", plain)[:_MAX_SLUG].strip("-._") or "x"


def entry_paths(entries: Iterable[Entry]) -> dict[str, EntryPaths]:
    """Return where every evaluation is, by its path on the board; no two share a file, in any letter case."""
    found: dict[str, EntryPaths] = {}
    taken: set[str] = set()
    for entry in sorted(entries, key=lambda entry: (entry.created, entry.evaluation_key, entry.path)):
        name = _free(f"{slug(entry.name)}-{slug(entry.evaluation_key)[:12]}".replace(".", "-"), taken)
        found[entry.path] = EntryPaths(f"submissions/{name}.html", f"records/{slug(entry.spec_identity)}/{name}.json")
    return found


def stems(labels: Iterable[tuple[str, Arena]]) -> dict[Arena, str]:
    """Return the stem of the files of every arena, which is also the name of its section."""
    taken: set[str] = set()
    return {arena: _free(slug(label), taken) for label, arena in labels}


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.casefold())
    return free
