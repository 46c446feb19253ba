"""Charts hold foreign text as data, and their points where the score weighs them."""

from __future__ import annotations

import json

from leaderboard.figures.charts import Line, curves
from tests.leaderboard.records import HOSTILE_NAMES


def test_figures_take_hostile_names_as_data() -> None:
    lines = [Line(name, "#000000", "circle", [(0.5, 0.5, 0.4, 0.6)]) for name in HOSTILE_NAMES]
    document = curves(lines, [], "Score", (0.0, 1.0)).to_dict()
    values = next(iter(document["datasets"].values()))
    assert [value["name"] for value in values] == list(HOSTILE_NAMES)
    assert "href" not in json.dumps(document)


def test_a_curve_keeps_its_points_at_log2_compression_and_controls_dashed() -> None:
    line = Line("a", "#000000", "circle", [(0.0, 0.9, None, None), (0.75, 0.8, 0.7, 0.9)], dashed=True)
    document = curves([line], [], "Accuracy", (0.0, 1.0)).to_dict()
    values = next(iter(document["datasets"].values()))
    assert [(v["compression"], v["kind"], v["low"]) for v in values] == [(0.0, "control", 0.9), (2.0, "control", 0.7)]
