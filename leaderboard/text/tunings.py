"""How the settings of a whole board were chosen, in a sentence: a result belongs to the search that led to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from leaderboard.board.wording import one_line

DECIDED = {"validation": "validation images", "test": "TEST images", "other": "other data", "none": "no images"}
"""Which images decided, in words."""

_NOT_STATED = "not stated"

_SPACE = ", over "
"""What follows it in the words that `fmn tune` writes is the space, which each record repeats."""


def tunings_sentence(tunings: Mapping[str, Mapping[str, Any] | None]) -> str:
    """Say how many settings were compared, on what and by which search; submissions that did alike stand together.

    Args:
        tunings: what the record of each submission says; its words are the submission's own.

    Returns:
        Markdown on one line.

    >>> eight = {"budget": 8, "split": "validation", "search": "random_search, over rho 0 to 1"}
    >>> tunings_sentence({"b": eight, "a": {**eight, "search": "random_search"}, "c": None})
    'Settings compared before: 8 on validation images, by random_search (b, a); not stated (c).'
    """
    alike: dict[str, list[str]] = {}
    for name, stated in tunings.items():
        alike.setdefault(_in_words(stated), []).append(_plain(name, 80))
    order = sorted(alike, key=lambda said: said == _NOT_STATED)
    groups = [f"{said} ({', '.join(alike[said])})" for said in order]
    return f"Settings compared before: {'; '.join(groups)}."


def _in_words(stated: Mapping[str, Any] | None) -> str:
    match stated:
        case None:
            return _NOT_STATED
        case {"budget": 0, "search": str(search)}:
            return f"none, {_plain(search.partition(_SPACE)[0])}"
        case {"budget": int(budget), "search": str(search), "split": str(split)}:
            how = _plain(search.partition(_SPACE)[0])
            return f"{budget:,} on {DECIDED.get(split, _plain(split))}, by {how}"
        case _:
            return "stated in another form"


def _plain(text: str, limit: int = 200) -> str:
    """Return foreign text as Markdown that shows it as it is."""
    return re.sub(r"([\\`*\[\]<>|&]|\b_|_\b)", r"\\\1", one_line(text, limit))  # `_` inside of words is no markup
