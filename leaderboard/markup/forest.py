"""Effects with their intervals beside one another, as inline SVG: a row per name, several effects in it.

It knows no record and no page. Text stays text, as in `svg.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from leaderboard.board.wording import one_line
from leaderboard.figures.charts import Span
from leaderboard.figures.palette import NEUTRAL
from leaderboard.markup.svg import MARKS, add, as_markup, fraction, svg_root, ticks

WIDTH = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 112, 14, 8, 24
_MAX_NAME = 16
"""Letters of a name that have room beside a row; its marks say all of it."""
_STEP, _GAP = 9, 9
"""Distance of two effects of one row, and what stands between rows."""


def forest_height(spans: Sequence[Span]) -> int:
    """Return the height of a drawing, which grows with its effects."""
    return _TOP + _BOTTOM + _STEP * len(spans) + _GAP * len({span.row for span in spans})


def forest(spans: Sequence[Span], margin: float, label: str) -> Markup:
    """Draw effects with their intervals; what is too small to matter, from -margin to margin, is shaded."""
    height = forest_height(spans)
    svg = svg_root(label, viewBox=f"0 0 {WIDTH} {height}", class_="panel")
    low, high = _limits(spans, margin)

    def x(value: float) -> str:
        return f"{_LEFT + (WIDTH - _LEFT - _RIGHT) * fraction(value, (low, high)):.1f}"

    bottom = height - _BOTTOM
    corners = f"{x(-margin)},{_TOP} {x(margin)},{_TOP} {x(margin)},{bottom} {x(-margin)},{bottom}"
    add(svg, "polygon", points=corners, fill=NEUTRAL, fill_opacity="0.2")
    for tick in ticks(low, high, about=5):
        add(svg, "line", x1=x(tick), x2=x(tick), y1=str(_TOP), y2=str(bottom), class_="grid")
        add(svg, "text", f"{tick:g}", x=x(tick), y=str(height - 8), text_anchor="middle", class_="tick")
    add(svg, "line", x1=x(0), x2=x(0), y1=str(_TOP), y2=str(bottom), stroke=NEUTRAL, stroke_width="1.5")
    y = float(_TOP)
    for row in dict.fromkeys(span.row for span in spans):
        mine = [span for span in spans if span.row == row]
        middle = y + (_GAP + _STEP * len(mine)) / 2
        add(svg, "text", one_line(row, _MAX_NAME), x=str(_LEFT - 8), y=f"{middle + 4:.1f}", text_anchor="end",
            class_="level")  # fmt: skip
        y += _GAP / 2
        for span in mine:
            y += _STEP / 2
            add(svg, "line", x1=x(span.low), x2=x(span.high), y1=f"{y:.1f}", y2=f"{y:.1f}", stroke=span.colour,
                stroke_width="2", stroke_linecap="round")  # fmt: skip
            dot = add(svg, "path", d=MARKS[span.marker], fill=span.colour,
                      transform=f"translate({x(span.value)},{y:.1f}) scale(.7)")  # fmt: skip
            add(dot, "title", f"{row}, {span.name}: {span.value:+.4f} ({span.low:+.4f} to {span.high:+.4f})")
            y += _STEP / 2
        y += _GAP / 2
    return as_markup(svg)


def _limits(spans: Sequence[Span], margin: float) -> tuple[float, float]:
    values = [-margin, margin, *(end for span in spans for end in (span.low, span.high))]
    low, high = min(values), max(values)
    air = 0.04 * (high - low)
    return low - air, high + air
