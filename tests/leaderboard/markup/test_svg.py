"""Drawings without scripts: round axes, and lines that stay within their panel."""

from __future__ import annotations

import math

import pytest

from leaderboard.figures.charts import Level, Line, limits
from leaderboard.markup.svg import curve_panel, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.41, 0.98, [0.5, 0.6, 0.7, 0.8, 0.9]), (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.5, 0.5, []),
     (0.0, math.inf, []), (-3e-4, 2e-4, [-0.0003, -0.0002, -0.0001, 0, 0.0001, 0.0002])],
)  # fmt: skip
def test_axes_have_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_a_record_that_claims_infinity_draws_no_line_out_of_its_panel() -> None:
    line = Line("a", "#000000", "circle", [(0.0, 0.9, -math.inf, math.inf), (0.75, math.inf, None, None)])
    drawn = str(curve_panel([line], [Level("<b>", 0.5)], limits([line], []), "<script>"))
    assert "nan" not in drawn
    assert "inf" not in drawn.replace("-inf to inf", "").replace(": inf", "")
    assert "<b>" not in drawn
    assert "<script>" not in drawn
