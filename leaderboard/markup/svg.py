"""Figures of tables and pages, as inline SVG in the text colour of the page. It knows no record and no page.

Made as a tree of elements, so that foreign text stays text. Altair draws the same figures on the served board, with
the same colours and markers; there a browser needs scripts for it, here it needs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from benchmark.scoring.score_math import log2_compression
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.wording import percent
from leaderboard.figures.charts import Level, Line
from leaderboard.figures.palette import NEUTRAL, Look

Range = tuple[float, float]
MARKS = {
    "circle": "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0z",
    "square": "M-4.5,-4.5h9v9h-9z",
    "triangle-up": "M0,-5.5L5.5,4.5H-5.5z",
    "triangle-down": "M0,5.5L5.5,-4.5H-5.5z",
    "diamond": "M0,-6L5,0L0,6L-5,0z",
    "cross": "M-2,-6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
}
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 400, 270, 44, 14, 10, 30
_LABEL_WIDTH = 40


def interval_bar(interval: IntervalEstimate, limits: Range, look: Look, label: str, *, ranked: bool) -> Markup:
    """Draw a value with its interval; as wide as its place, unranked ones hollow."""
    svg = svg_root(label, height="24", class_="bar")
    add(svg, "title", label)
    for tick in ticks(*limits):
        add(svg, "line", x1=_share(tick, limits), x2=_share(tick, limits), y1="0", y2="24", class_="grid")
    low, high = (_share(value, limits) for value in (interval.low, interval.high))
    add(svg, "line", x1=low, x2=high, y1="12", y2="12", stroke=look.colour, stroke_width="3", stroke_linecap="round",
         stroke_opacity="0.75")  # fmt: skip
    place = add(svg, "svg", x=_share(interval.value, limits), y="12", overflow="visible", class_="place")
    add(place, "path", d=MARKS[look.marker], stroke=look.colour, stroke_width="2",
         **({"fill": look.colour} if ranked else {"class_": "hollow"}))  # fmt: skip
    return as_markup(svg)


def interval_in_row(interval: IntervalEstimate, limits: Range, label: str, worst: float | None = None) -> Markup:
    """Draw a value with its interval for a cell of a table, on a scale that all rows share, and a mark at the worst."""
    svg = svg_root(label, viewBox="0 0 92 12", width="92", height="12", class_="score")
    bounds = interval.low, interval.value, interval.high
    low, place, high = (f"{4 + 84 * fraction(each, limits):.1f}" for each in bounds)
    add(svg, "line", x1="0", x2="92", y1="6", y2="6", class_="grid")
    add(svg, "line", x1=low, x2=high, y1="6", y2="6", stroke="currentColor", stroke_width="3", stroke_linecap="round",
         stroke_opacity="0.55")  # fmt: skip
    add(svg, "circle", cx=place, cy="6", r="3.5", fill="currentColor")
    if worst is not None:
        at = f"{4 + 84 * fraction(worst, limits):.1f}"
        add(svg, "line", x1=at, x2=at, y1="1", y2="11", stroke="currentColor", stroke_width="1.5")
    return as_markup(svg)


def interval_axis(limits: Range) -> Markup:
    """Draw the axis below interval bars."""
    svg = svg_root("", height="20", class_="bar")
    for tick in ticks(*limits):
        add(svg, "text", f"{tick:g}", x=_share(tick, limits), y="14", text_anchor="middle", class_="tick")
    return as_markup(svg)


def interval_figure(bars: Sequence[tuple[str, Markup]], axis: Markup, label: str) -> Markup:
    """Put bars, each beside its name, and their axis into one drawing, for a file."""
    height = 24 * len(bars) + 20
    lines = [
        Markup('<text x="150" y="{}" text-anchor="end" class="level">{}</text>').format(24 * place + 16, name)
        for place, (name, _) in enumerate(bars)
    ]
    drawn = [*(bar for _, bar in bars), axis]
    placed = [
        Markup(str(each).replace("<svg ", f'<svg x="165" y="{24 * place}" width="375" ', 1))
        for place, each in enumerate(drawn)
    ]
    return Markup('<svg role="img" aria-label="{}" viewBox="0 0 560 {}" width="560" height="{}">{}</svg>').format(
        label, height, height, Markup("").join([*lines, *placed])
    )


def sparkline(heights: Sequence[float], limits: Range, colour: str) -> Markup:
    """Draw a curve in a cell of a table, points at equal distances."""
    svg = svg_root("Accuracy by sparsity", viewBox="0 0 104 26", width="104", height="26")
    step = 100 / max(len(heights) - 1, 1)
    points = [(2 + step * place, 24 - 22 * fraction(value, limits)) for place, value in enumerate(heights)]
    add(svg, "polyline", points=_points(points), fill="none", stroke=colour, stroke_width="2")
    return as_markup(svg)


def mark(look: Look) -> Markup:
    """Draw a marker for a legend."""
    svg = svg_root("", viewBox="-8 -8 16 16", width="16", height="16")
    add(svg, "path", d=MARKS[look.marker], fill=look.colour)
    return as_markup(svg)


def curve_panel(lines: Sequence[Line], levels: Sequence[Level], low_high: Range, label: str) -> Markup:
    """Draw metric against sparsity on a log2 compression axis, with bands; controls dashed."""
    svg = svg_root(label, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", class_="panel")
    sparsities = sorted({point[0] for line in lines for point in line.points})
    span = log2_compression(sparsities[0]), log2_compression(sparsities[-1])
    _axes(svg, sparsities, span, low_high)
    for level in levels:
        y = f"{_y(level.value, low_high):.1f}"
        add(svg, "line", x1=f"{_LEFT}", x2=f"{_WIDTH - _RIGHT}", y1=y, y2=y, stroke=NEUTRAL, stroke_width="1.5",
             stroke_dasharray="2 3")  # fmt: skip
    for line in lines:
        _band(svg, line, span, low_high)
    for line in lines:
        _stroke(svg, line, span, low_high)
    for line in (each for each in lines if each.label):
        sparsity, value, *_ = max(line.points)
        add(svg, "text", line.label, x=f"{_x(sparsity, span):.1f}", y=f"{_y(value, low_high) - 7:.1f}",
             class_="level", text_anchor="end")  # fmt: skip
    for level in (each for each in levels if each.name):  # last, so that lines do not cross words
        add(svg, "text", level.name, x=f"{_LEFT + 5}", y=f"{_y(level.value, low_high) - 4:.1f}", class_="level")
    return as_markup(svg)


_FILE_STYLE = """text { font-family: system-ui, sans-serif; fill: #1a2027; } .grid { stroke: #d4dae0; stroke-width: 1; }
.tick { font-size: 12px; fill: #59636e; } .level { font-size: 11px; fill: #59636e; } .hollow { fill: #fff; }"""


def as_file(drawing: Markup) -> str:
    """Return a figure as an SVG file: with its name space, its own style, and ink on white as paper has it."""
    head, _, rest = str(drawing).partition(">")  # attributes hold no such mark: it is escaped there
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{_FILE_STYLE}</style>{rest}'


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Choose round numbers within a range, roughly `about` of them.

    >>> ticks(0.41, 0.98)
    [0.5, 0.6, 0.7, 0.8, 0.9]
    """
    rough = (high - low) / about
    if not (math.isfinite(rough) and rough > 0):
        return []
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.8 * rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _axes(svg: Element, sparsities: Sequence[float], span: Range, low_high: Range) -> None:
    for tick in ticks(*low_high):
        y = f"{_y(tick, low_high):.1f}"
        add(svg, "line", x1=f"{_LEFT}", x2=f"{_WIDTH - _RIGHT}", y1=y, y2=y, class_="grid")
        add(svg, "text", f"{tick:g}", x=f"{_LEFT - 6}", y=y, dy="4", text_anchor="end", class_="tick")
    free = 0.0
    for sparsity in sparsities:
        x = _x(sparsity, span)
        if x - _LABEL_WIDTH / 2 >= free:
            add(svg, "text", percent(sparsity), x=f"{x:.1f}", y=f"{_HEIGHT - 10}", text_anchor="middle", class_="tick")
            free = x + _LABEL_WIDTH / 2


def _band(svg: Element, line: Line, span: Range, low_high: Range) -> None:
    if line.dashed:
        return
    upper = [(_x(s, span), _y(value if high is None else high, low_high)) for s, value, _, high in line.points]
    lower = [(_x(s, span), _y(value if low is None else low, low_high)) for s, value, low, _ in line.points]
    add(svg, "polygon", points=_points([*upper, *reversed(lower)]), fill=line.colour, fill_opacity="0.18")


def _stroke(svg: Element, line: Line, span: Range, low_high: Range) -> None:
    places = [(_x(sparsity, span), _y(value, low_high)) for sparsity, value, _, _ in line.points]
    dashes = {"stroke_dasharray": "5 4", "stroke_opacity": "0.7"} if line.dashed else {}
    add(svg, "polyline", points=_points(places), fill="none", stroke=line.colour, stroke_width="2.2", **dashes)
    for (x, y), (sparsity, value, low, high) in zip(places, line.points, strict=True):
        place = f"translate({x:.1f},{y:.1f}) scale(.8)"
        dot = add(svg, "path", d=MARKS[line.marker], fill=line.colour, transform=place)
        bounds = "" if low is None or high is None else f" ({low:.4f} to {high:.4f})"
        control = ", random-pruning control" if line.dashed else ""
        add(dot, "title", f"{line.name}{control}, {percent(sparsity)}: {value:.4f}{bounds}")


def _x(sparsity: float, span: Range) -> float:
    room = _WIDTH - _LEFT - _RIGHT - 28
    return _LEFT + 14 + room * fraction(log2_compression(sparsity), span)


def _y(value: float, low_high: Range) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * fraction(value, low_high)


def fraction(value: float, limits: Range) -> float:
    """Place a value in [0, 1]; what lies beyond (a record may say infinity) stops at the edge."""
    low, high = limits
    return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5


def _share(value: float, limits: Range) -> str:
    return f"{100 * fraction(value, limits):.2f}%"


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def svg_root(label: str, **attributes: str) -> Element:
    """Begin a drawing; one without a label is hidden from who listens."""
    hidden = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    return _named("svg", {**hidden, **attributes})


def add(parent: Element, tag: str, text: str = "", /, **attributes: str) -> Element:
    """Add an element; names of attributes have underscores for hyphens."""
    made = SubElement(parent, tag, _named(tag, attributes).attrib)
    made.text = text or None
    return made


def _named(tag: str, attributes: dict[str, str]) -> Element:
    return Element(tag, {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()})


def as_markup(svg: Element) -> Markup:
    """Write a drawing."""
    return Markup(tostring(svg, encoding="unicode"))  # safe: written from a tree, which escapes all text
