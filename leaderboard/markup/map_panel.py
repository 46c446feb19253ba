"""One side of a map as inline SVG: a dot per test image in the colour of its class, rings around forgotten ones.

The served board draws the same rows with `leaderboard.figures.class_figures.map_figure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
import pandas as pd
from markupsafe import Markup

from leaderboard.figures.class_figures import RING

_SIDE, _DOT, _RING = 300, "5", 5


def map_panel(points: pd.DataFrame, colours: Mapping[str, str], label: str) -> Markup:
    """Draw some test images at their places; one unit is as long across as up.

    Args:
        points: rows with x, y, label (text) and forgotten (bool).
        colours: of every class by its label.
        label: says what is drawn, for those who cannot see it.
    """
    svg = Element("svg", {"viewBox": f"0 0 {_SIDE} {_SIDE}", "class": "panel", "role": "img", "aria-label": label})
    places = points[["x", "y"]].to_numpy(float)
    span = 1.06 * max(1e-6, float(np.abs(places).max(initial=0.0)))
    x, y = (_SIDE / 2 * (1 + places[:, 0] / span)), (_SIDE / 2 * (1 - places[:, 1] / span))
    of_class = points["label"].to_numpy()
    for name, colour in colours.items():
        mine = of_class == name
        dots = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x[mine], y[mine], strict=True))
        if dots:
            SubElement(svg, "path", {"d": dots, "stroke": colour, "stroke-width": _DOT, "stroke-linecap": "round",
                                     "stroke-opacity": ".8", "fill": "none"})  # fmt: skip
    forgotten = points["forgotten"].to_numpy(bool)
    rings = "".join(
        f"M{a - _RING:.1f} {b:.1f}a{_RING} {_RING} 0 1 0 {2 * _RING} 0a{_RING} {_RING} 0 1 0 {-2 * _RING} 0"
        for a, b in zip(x[forgotten], y[forgotten], strict=True)
    )
    if rings:
        SubElement(svg, "path", {"d": rings, "stroke": RING, "stroke-width": "1.5", "fill": "none"})
    return Markup(tostring(svg, encoding="unicode"))  # safe: written from a tree, which escapes all text
