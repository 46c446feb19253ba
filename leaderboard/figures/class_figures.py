"""Figures about classes: maps of test images coloured by class, and what pruning does to every class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from leaderboard.figures.charts import Line
from leaderboard.figures.class_frame import HIT, HIT_ALONE
from leaderboard.figures.palette import COLOURS, NEUTRAL

RING = "#E6194B"


def map_figure(points: pd.DataFrame, names: Mapping[str, str], height: int = 420) -> alt.LayerChart | alt.FacetChart:
    """Draw one side of a panel.

    Args:
        points: rows with x, y, example, label and forgotten.
        names: name of every class by its label.
        height: in pixels; one unit is as long across as up, so that the drawing keeps its shape.
    """
    frame = points.assign(name=[names.get(label, label) for label in points["label"]])
    span = 1.06 * max(1e-6, float(np.abs(frame[["x", "y"]].to_numpy()).max(initial=0.0)))
    domain, colours = _classes(frame["label"].tolist(), names)
    hidden = alt.Axis(labels=False, ticks=False, title=None, grid=False, domainColor=NEUTRAL)
    scale = alt.Scale(domain=[-span, span], nice=False)
    base = alt.Chart(frame, height=height).encode(
        x=alt.X("x:Q", scale=scale, axis=hidden),
        y=alt.Y("y:Q", scale=scale, axis=hidden),
        tooltip=[
            alt.Tooltip("name:N", title="Class"),
            alt.Tooltip("example:Q", title="Test image"),
            alt.Tooltip("forgotten:N", title="Forgotten (PIE)"),
        ],
    )
    dots = base.mark_circle(size=34, opacity=0.8).encode(
        color=alt.Color("name:N", scale=alt.Scale(domain=domain, range=colours), sort=domain, legend=None)
    )
    rings = base.transform_filter("datum.forgotten").mark_point(
        size=95, stroke=RING, strokeWidth=1.8, filled=False, opacity=1
    )
    return alt.layer(dots, rings)


def class_lines(labels: Sequence[str], names: Mapping[str, str]) -> list[Line]:
    """Return the legend of the classes: one name and colour each, without points."""
    domain, colours = _classes(labels, names)
    return [Line(name, colour, "circle", ()) for name, colour in zip(domain, colours, strict=True)]


def class_bars(frame: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """Draw the impact on every class: mean over models as a bar, its interval as a line, filled where it lost more.

    Args:
        frame: rows with name, difference, low, high, p and hit (text), in the order to be drawn.
    """
    order = frame["name"].tolist()
    base = alt.Chart(frame, height=alt.Step(22)).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=120, ticks=False, domain=False)),
        tooltip=[
            alt.Tooltip("name:N", title="Class"),
            alt.Tooltip("difference:Q", title="Recall, beyond the model's", format="+.3f"),
            alt.Tooltip("p:Q", title="p (corrected, all cells)", format=".3g"),
            alt.Tooltip("hit:N", title="Verdict"),
        ],
    )
    bars = base.mark_bar(stroke=COLOURS[0], strokeWidth=1.5, color=COLOURS[0]).encode(
        x=alt.X("difference:Q", title="Recall, pruned - dense, beyond the model's own"),
        fillOpacity=alt.when(alt.datum.hit == HIT).then(alt.value(0.9)).when(alt.datum.hit == HIT_ALONE)
        .then(alt.value(0.5)).otherwise(alt.value(0.12)),
    )
    lines = base.mark_rule(color=NEUTRAL, strokeWidth=2).encode(x="low:Q", x2="high:Q")
    return alt.layer(bars, lines)


def vote_bars(frame: pd.DataFrame) -> alt.Chart:
    """Draw the share of models that name each class, dense beside pruned."""
    colours = alt.Scale(domain=["dense", "pruned"], range=[NEUTRAL, COLOURS[4]])
    return alt.Chart(frame, height=alt.Step(14)).mark_bar().encode(
        y=alt.Y("name:N", title=None, axis=alt.Axis(labelLimit=120, ticks=False, domain=False)),
        yOffset=alt.YOffset("side:N", sort=["dense", "pruned"]),
        x=alt.X("share:Q", title="Share of models", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
        color=alt.Color("side:N", scale=colours, title=None, legend=alt.Legend(orient="top")),
        tooltip=[alt.Tooltip("name:N", title="Class"), alt.Tooltip("side:N", title="Models"),
                 alt.Tooltip("share:Q", title="Share", format=".1%")],
    )  # fmt: skip


def in_order(labels: Sequence[str]) -> list[str]:
    """Return every class once, by its number."""
    return sorted(set(labels), key=lambda label: (len(label), label))


def _classes(labels: Sequence[str], names: Mapping[str, str]) -> tuple[list[str], list[str]]:
    order = in_order(labels)
    # with more classes than colours, colours repeat
    return [names.get(each, each) for each in order], [COLOURS[i % len(COLOURS)] for i in range(len(order))]
