"""The simulation of inference runs, and draws what the product's own arithmetic would derive from images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.inference.__main__ import BEGIN, END, main
from bench.inference.boards import Spread, Truth, draw
from benchmark.scoring.statistics.models_and_images import all_differences, population_of
from leaderboard.board.inference.plan import adjusted

TRUTH = Truth(3, 4, 40, Spread(0.3, 0.5, 1.0))


def test_boards_that_are_drawn_without_images_are_spread_like_those_with_them() -> None:
    """The same mean and spread of every quantity that inference reads; 2,000 boards of either kind."""
    rng = np.random.default_rng(0)
    known: list[np.ndarray] = []
    for _ in range(2000):
        methods = [
            population_of([0.3 * rng.normal(size=(4, 1)) + 0.5 * rng.normal(size=40) + rng.normal(size=(4, 40))])
            for _ in range(3)
        ]
        pairs = all_differences(methods)
        known.append(np.array([pairs.value_M[1] ** 2, pairs.error_M[1] ** 2, methods[0].models, pairs.p_M[2]]))
    boards = next(iter(draw(TRUTH, 2000, rng)))
    drawn = [boards.pairs.value_M[:, 1] ** 2, boards.pairs.error_M[:, 1] ** 2, boards.models_bn[:, 0]]
    drawn.append(boards.pairs.p_M[:, 2])
    for place, values in enumerate(drawn):
        expected = np.array([each[place] for each in known])
        margin = 4.5 * np.hypot(expected.std(), values.std()) / np.sqrt(2000)
        assert values.mean() == pytest.approx(expected.mean(), abs=margin)


def test_claims_spend_one_error_on_all_their_tests() -> None:
    boards = next(iter(draw(TRUTH, 500, np.random.default_rng(1))))
    between, within = adjusted(boards.pairs.p_M, boards.within_p)
    assert (between.shape, within.shape) == ((500, 3), (500, 4 * 3))
    assert (np.concatenate([between, within], axis=1).min(axis=1) <= 0.05).mean() <= 0.08


def test_the_command_prints_a_row_per_rate_and_refuses_a_part_for_the_page(tmp_path: Path) -> None:
    import typer

    app = typer.Typer()
    app.command()(main)
    page = tmp_path / "inference.md"
    page.write_text(f"words\n{BEGIN}old\n{END}more\n", encoding="utf-8")
    found = CliRunner().invoke(app, ["--boards", "3", "--only", "advice", "--jobs", "1"])
    assert found.exit_code == 0, found.output
    assert found.output.count("| there is advice |") == 6
    refused = CliRunner().invoke(app, ["--boards", "3", "--only", "advice", "--write", str(page)])
    assert refused.exit_code != 0
    assert "old" in page.read_text(encoding="utf-8")


def test_the_page_meets_its_reach_in_every_row_on_at_least_2000_boards() -> None:
    text = (Path(__file__).parents[1] / "docs/inference.md").read_text(encoding="utf-8")
    table = text.partition(BEGIN)[2].partition(END)[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    asked = [row for row in rows if row[3]]
    assert len(asked) > 100
    assert {row[5] for row in asked} == {"yes"}
    assert min(int(row[6]) for row in asked) >= 2000
    for needed in ("any false claim", "any false separation", "any false class hit in a record", "there is advice",
                   "a record's interval of knowledge kept covers", "interval of excess PIE covers"):
        assert any(row[2] == needed for row in asked), needed
