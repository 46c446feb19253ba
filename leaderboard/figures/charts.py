"""The figures, as Altair charts over plain rows. It knows no record store and no page.

Colours come from `palette`; the theme (light or dark) colours axes and text. Field names are constants and texts are
drawn on a canvas or escaped by the tooltip, so foreign text stays text.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from benchmark.recording.record import RunRecord
from benchmark.scoring.score_math import log2_compression
from leaderboard.board.wording import percent
from leaderboard.figures.palette import COLOURS, NEUTRAL, Look


@dataclass(frozen=True)
class Line:
    """One curve: points are (sparsity, value, low, high), bounds may be None; dashed lines are controls.

    `label` is written at the end of the line; the floor of untrained encoders has one, submissions stand in the legend.
    """

    name: str
    colour: str
    marker: str
    points: Sequence[tuple[float, float, float | None, float | None]]
    dashed: bool = False
    label: str = ""


@dataclass(frozen=True)
class Level:
    """A horizontal reference line."""

    name: str
    value: float


@dataclass(frozen=True)
class Span:
    """One effect with its interval: the row that it is in, and what it is; drawn by `leaderboard.markup.forest`."""

    row: str
    name: str
    colour: str
    marker: str
    value: float
    low: float
    high: float


def curves(
    lines: Sequence[Line], levels: Sequence[Level], title: str, low_high: tuple[float, float], height: int = 320
) -> alt.LayerChart | alt.FacetChart:
    """Draw metric against sparsity on a log2 compression axis, with bands.

    Args:
        lines: the curves; a name may come twice, solid and dashed.
        levels: horizontal references.
        title: of the value axis.
        low_high: limits of the value axis, so that panels side by side agree.
        height: in pixels.
    """
    frame = _line_frame(lines)
    x = _compression_axis(sorted({point[0] for line in lines for point in line.points}))
    scale = alt.Scale(domain=list(low_high), nice=False, zero=False)
    y = alt.Y("value:Q", title=title, scale=scale)
    names = list(dict.fromkeys(line.name for line in lines))
    looks = {line.name: Look(line.colour, line.marker) for line in reversed(lines)}
    colour = _colour_by_name(names, looks)
    base = alt.Chart(frame, height=height)
    band = base.transform_filter(alt.datum.kind != "control").mark_area(opacity=0.18, clip=True).encode(
        x=x, y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q", detail="line:N", color=colour
    )
    stroke = base.mark_line(strokeWidth=2.5, clip=True).encode(
        x=x, y=y, color=colour, detail="line:N",
        strokeDash=alt.condition(alt.datum.kind == "control", alt.value([5, 4]), alt.value([1, 0])),
        opacity=alt.condition(alt.datum.kind == "control", alt.value(0.7), alt.value(1)),
    )  # fmt: skip
    dots = base.mark_point(size=60, filled=True, clip=True, opacity=1).encode(
        x=x, y=y, color=colour,
        shape=alt.Shape("name:N", scale=alt.Scale(domain=names, range=[looks[n].marker for n in names]), legend=None),
        tooltip=_tooltips(("name", "Submission", None), ("kind", "Kind", None), ("sparsity", "Sparsity", None),
                          ("value", title, ".4f"), ("low", "low", ".4f"), ("high", "high", ".4f")),
    )  # fmt: skip
    ends = [line for line in lines if line.label]
    named = [alt.Chart(_ends(ends)).mark_text(align="right", dy=-9, fontSize=11).encode(
        x=x, y=y, text="label:N")] if ends else []  # fmt: skip
    return alt.layer(*_level_layers(levels, low_high), band, stroke, dots, *named)


def legend(lines: Sequence[Line], per_row: int = 3) -> alt.Chart:
    """Draw only a legend, `per_row` names in a row, in the theme's text colour."""
    names = [line.name for line in lines]
    shared: dict[str, Any] = {"title": None, "orient": "top", "columns": per_row, "symbolSize": 90, "symbolOpacity": 1,
                              "labelFontSize": 13, "labelLimit": 110, "offset": 0, "padding": 0}  # fmt: skip
    colour = alt.Color("name:N", scale=alt.Scale(domain=names, range=[line.colour for line in lines]),
                       legend=alt.Legend(**shared))  # fmt: skip
    shape = alt.Shape("name:N", scale=alt.Scale(domain=names, range=[line.marker for line in lines]),
                      legend=alt.Legend(**shared))  # fmt: skip
    height = 14 + 24 * (1 + (len(lines) - 1) // per_row)
    chart = alt.Chart(pd.DataFrame({"name": names}), height=height).mark_point(opacity=0, filled=True)
    return chart.encode(color=colour, shape=shape).configure_view(strokeWidth=0)


def limits(lines: Sequence[Line], levels: Sequence[Level]) -> tuple[float, float]:
    """Common limits of the value axis of several panels, with a little air."""
    values = [level.value for level in levels]
    for line in lines:
        for _, value, low, high in line.points:
            values += [value, value if low is None else low, value if high is None else high]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    air = 0.05 * (high - low) or 0.05
    return low - air, high + air


def _line_frame(lines: Sequence[Line]) -> pd.DataFrame:
    made: list[dict[str, Any]] = [
        {"line": f"{position}", "name": line.name, "kind": kind_of(line),
         "compression": log2_compression(sparsity), "sparsity": percent(sparsity), "value": value,
         "low": value if low is None else low, "high": value if high is None else high}
        for position, line in enumerate(lines)
        for sparsity, value, low, high in line.points
    ]  # fmt: skip
    fields = ["line", "name", "kind", "compression", "sparsity", "value", "low", "high"]
    return pd.DataFrame(made, columns=fields)


def kind_of(line: Line) -> str:
    """Return what a curve is: `ranked`, `control` or `untrained`."""
    return "control" if line.dashed else "untrained" if line.label else "ranked"


def _ends(lines: Sequence[Line]) -> pd.DataFrame:
    """Return where the label of every line is written: at its largest sparsity."""
    last = [(line.label, max(line.points)) for line in lines]
    return pd.DataFrame(
        [{"label": label, "compression": log2_compression(point[0]), "value": point[1]} for label, point in last]
    )


def _compression_axis(sparsities: Sequence[float]) -> alt.X:
    ticks = [log2_compression(sparsity) for sparsity in sparsities]
    label = "datum.value < 0.001 ? 'dense' : format(100 * (1 - pow(2, -datum.value)), '.3~r') + '%'"
    return alt.X(
        "compression:Q",
        title="Sparsity (log₂ compression scale)",
        axis=alt.Axis(values=ticks, labelExpr=label, labelOverlap=False, labelFontSize=10, grid=False),
        scale=alt.Scale(nice=False, padding=12),
    )


def _level_layers(levels: Sequence[Level], low_high: tuple[float, float]) -> list[alt.Chart]:
    if not levels:
        return []
    frame = pd.DataFrame([{"value": level.value, "name": level.name} for level in levels])
    y = alt.Y("value:Q", scale=alt.Scale(domain=list(low_high), nice=False, zero=False))
    rule = alt.Chart(frame).mark_rule(color=NEUTRAL, strokeDash=[2, 3], strokeWidth=1.5).encode(y=y)
    text = alt.Chart(frame).mark_text(align="right", dx=-4, dy=-7, fontSize=11).encode(
        y=y, x=alt.value("width"), text="name:N")  # fmt: skip
    return [rule, text]


def _colour_by_name(names: Sequence[str], looks: Mapping[str, Look]) -> alt.Color:
    return alt.Color("name:N", scale=_colour_scale(names, looks), legend=None)


def _colour_scale(names: Sequence[str], looks: Mapping[str, Look]) -> alt.Scale:
    return alt.Scale(domain=list(names), range=[looks[name].colour for name in names])


def _tooltips(*fields: tuple[str, str, str | None]) -> list[alt.Tooltip]:
    return [
        alt.Tooltip(name, type="quantitative", title=title, format=form)
        if form
        else alt.Tooltip(name, type="nominal", title=title)
        for name, title, form in fields
    ]


def training_curves(runs: Sequence[RunRecord]) -> alt.Chart:
    """Draw mean training loss by epoch: the dense population, and the sparsest cell of every schedule."""
    deepest: dict[str, float] = {}
    for run in runs:
        deepest[run.schedule] = max(run.sparsity, deepest.get(run.schedule, 0.0))
    frame = pd.DataFrame(
        [(run.schedule, epoch, loss) for run in runs if run.sparsity == deepest[run.schedule]
         for epoch, loss in run.loss_curve],
        columns=["schedule", "epoch", "loss"],
    )  # fmt: skip
    means = frame.groupby(["schedule", "epoch"], as_index=False)["loss"].mean()
    names = list(deepest)
    cycle = itertools.cycle(COLOURS)
    palette = [NEUTRAL if name == "dense" else next(cycle) for name in names]
    return alt.Chart(means, height=300).mark_line(strokeWidth=2).encode(
        x=alt.X("epoch:Q", title="Epoch"),
        y=alt.Y("loss:Q", title="Training loss", scale=alt.Scale(zero=False)),
        color=alt.Color("schedule:N", scale=alt.Scale(domain=names, range=palette),
                        legend=alt.Legend(title=None, orient="top")),
        tooltip=_tooltips(("schedule", "Schedule", None), ("epoch", "Epoch", ".0f"), ("loss", "Loss", ".4f")),
    )  # fmt: skip
