"""Colours and markers of submissions, and the inks of axes: all read on a light and on a dark background.

Twelve hues start from Okabe & Ito 2008, "Color Universal Design", each as dark as 3:1 on white asks for and as light as
3:1 on the dark background does; the marker tells apart what colour vision may not. After twelve, colours repeat with
another marker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLOURS = (
    "#0072B2", "#D55E00", "#00885F", "#B85B94", "#A87800", "#7A62D3", "#0F8A94", "#D1495B", "#7A8500", "#96683B",
    "#6B7A8F", "#B14AC0",
)  # fmt: skip
MARKERS = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
NEUTRAL = "#767B84"
"""Grey of reference lines and unranked rows, on light and dark backgrounds."""
INKS = {"light": "#4A535D", "dark": "#B4BDC7"}
"""Colour of the text of a figure, by the theme of the page."""


@dataclass(frozen=True)
class Look:
    """How one submission is drawn."""

    colour: str
    marker: str


def looks(names_by_age: Sequence[str]) -> dict[str, Look]:
    """Return how every submission is drawn, chosen in the order in which the store first saw them.

    Filters never change a colour, and a new submission never changes the colour of an old one.
    """
    found: dict[str, Look] = {}
    for name in names_by_age:
        if name not in found:
            marker, colour = divmod(len(found), len(COLOURS))
            found[name] = Look(COLOURS[colour], MARKERS[(marker + colour) % len(MARKERS)])
    return found
