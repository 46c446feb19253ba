"""A row per name, a mark and a line per effect, what is too small shaded, and foreign text that stays text."""

from __future__ import annotations

import re

from leaderboard.figures.charts import Span
from leaderboard.markup.forest import forest, forest_height

SPANS = [
    Span("supcon", "early - late", "#111111", "circle", 0.02, 0.01, 0.03),
    Span("supcon", "early - <b>", "#222222", "square", -0.02, -0.05, 0.01),
    Span("<script>", "early - late", "#111111", "circle", 0.0, -0.01, 0.01),
]


def test_every_effect_is_drawn_in_the_row_of_its_name() -> None:
    drawn = str(forest(SPANS, 0.01, "Effects"))
    assert drawn.count("<path") == 3
    assert re.findall(r'text-anchor="end" class="level">([^<]*)<', drawn) == ["supcon", "&lt;script&gt;"]
    assert "early - late: +0.0200 (+0.0100 to +0.0300)" in drawn
    assert "<script>" not in drawn
    assert "<b>" not in drawn


def test_long_names_that_begin_alike_have_rows_of_their_own() -> None:
    names = [f"a_method_with_a_long_name_{place}" for place in range(2)]
    drawn = str(forest([Span(name, "early - late", "#111111", "circle", 0.0, -0.1, 0.1) for name in names], 0.01, "E"))
    assert len(re.findall(r'text-anchor="end" class="level">a_method', drawn)) == 2
    assert all(f"{name}, early" in drawn for name in names)


def test_what_is_too_small_to_matter_is_shaded_around_zero_and_nothing_leaves_the_drawing() -> None:
    drawn = str(forest(SPANS, 0.01, "Effects"))
    shade = re.search(r'<polygon points="([\d.]+),8 ([\d.]+),8 ', drawn)
    assert shade is not None
    left, right = map(float, shade.groups())
    ends = [tuple(map(float, each)) for each in re.findall(r'<line x1="([\d.]+)" x2="([\d.]+)" y1', drawn)]
    zero = (left + right) / 2
    assert any(abs(first - zero) < 0.2 and first == second for first, second in ends)
    assert all(100 < place < 400 for pair in ends for place in pair)
    heights = [float(each) for each in re.findall(r'y="([\d.]+)"', drawn)]
    assert max(heights) < forest_height(SPANS)
