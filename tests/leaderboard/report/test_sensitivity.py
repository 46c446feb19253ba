"""Other readings of the same models: counted with their sign, ties against, and what was not measured apart."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from leaderboard.board.board import assemble
from leaderboard.report.effects import Cell, Flags, unique_beyond_seeds
from leaderboard.report.findings import find
from leaderboard.report.sensitivity import BY_AREA, early_panel, of_mistakes, pair_panel, panel
from tests.leaderboard.report.made import SCHEDULES, made_method


def test_readings_are_counted_and_those_against_are_named() -> None:
    seen = panel({"area": 0.2, "90 %": 0.0, "95 %": -0.1, "area by kNN": nan})
    assert seen.sentence == "1 of 3 readings; not: 90 %, 95 %; not measured: area by kNN"
    assert panel({"area": -0.2, "90 %": -0.1}).sentence == "0 of 2 readings"
    assert panel({"area": nan}).sentence == "not measured"


def test_the_schedule_that_is_ahead_by_area_is_looked_for_in_the_other_readings() -> None:
    read = {BY_AREA: {"early": 0.5, "late": 0.6}, "50 %": {"early": 0.9, "late": 0.8}}
    assert pair_panel(read, "early", "late").against == ("50 %",)
    assert pair_panel(read, "late", "early").against == ("50 %",)


def test_early_is_behind_only_where_no_other_schedule_is_as_low() -> None:
    read = {
        BY_AREA: {"early": 0.5, "late": 0.6, "one-shot": 0.55},
        "50 %": {"early": 0.9, "late": 0.9, "one-shot": 0.95},
        "no other": {"early": 0.9},
    }
    seen = early_panel(read)
    assert (seen.agreeing, seen.against, seen.missing) == ((BY_AREA,), ("50 %",), ())


def _cells(rng: np.random.Generator) -> dict[Cell, Flags]:
    """Two methods that forget other images; schedules of a method forget the same ones."""
    first, second = np.arange(400) < 100, np.arange(400) >= 300
    return {
        (method, schedule): (rng.random((4, 400)) < 0.8) & images
        for method, images in (("a", first), ("b", second)) for schedule in ("early", "late")
    }  # fmt: skip


def test_unique_mistakes_can_be_counted_among_pairs_of_one_method_or_under_one_schedule() -> None:
    cells = _cells(np.random.default_rng(0))
    assert unique_beyond_seeds(cells, "method") == pytest.approx(0, abs=0.05)
    assert unique_beyond_seeds(cells, "schedule") == 1
    assert 0.5 < unique_beyond_seeds(cells) < 0.8
    assert np.isnan(unique_beyond_seeds({cell: flags for cell, flags in cells.items() if cell[1] == "late"}, "method"))


def test_the_tested_reading_of_unique_mistakes_is_the_effect_that_is_tested() -> None:
    rng = np.random.default_rng(1)
    losses = dict.fromkeys(SCHEDULES, 0.1)
    found = find("made", [made_method("supervised", losses, rng), made_method("supcon", losses, rng)], 0.05)
    (judged,) = found.of_claim("b")
    read = of_mistakes(assemble([]), found)
    assert next(iter(read.values())) == pytest.approx(judged.test.effect.value)
    assert {"50 %", "only schedules of one method", "only methods under one schedule"} <= read.keys()
    assert np.isnan(read["PIEs of two schedules (records' Jaccard)"])
