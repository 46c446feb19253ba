"""One colour and one marker per submission, the same on every page, distinguishable without colour vision.

Source: Okabe & Ito 2008, "Color Universal Design". Black and yellow are left out: each vanishes on one of the two
backgrounds. From the seventh submission on, colours repeat with another marker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
MARKERS = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
NEUTRAL = "#8A8F98"
"""Grey that reads on light and dark backgrounds; reference lines and unranked rows."""


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
            marker, colour = divmod(len(found), len(OKABE_ITO))
            found[name] = Look(OKABE_ITO[colour], MARKERS[(marker + colour) % len(MARKERS)])
    return found
