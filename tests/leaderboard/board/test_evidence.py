"""Evidence of an evaluation against means and differences written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmark.scoring.metric_names import ROBUSTNESS_SCORE
from benchmark.scoring.statistics.models_and_images import population_of
from leaderboard.board.board import assemble, condense
from leaderboard.board.inference.evidence import evidence_of, planned_pairs
from leaderboard.board.standings import summary_scores
from tests.leaderboard.records import SIGNER, TASK, Knobs, evaluation

RNG = np.random.default_rng(0)
AREAS = {
    task: {name: RNG.random((3, images)).astype(np.float32) for name in ("early", "late", "random")}
    for task, images in (("a", 20), ("b", 30))
}
SCHEDULES, CONTROLLED = ("early", "late"), {"random": "late"}


def test_the_score_is_the_mean_over_tasks_schedules_models_and_images() -> None:
    found = evidence_of(AREAS, ["a", "b"], SCHEDULES, CONTROLLED)
    assert found is not None
    means = [np.mean([AREAS[task][name].mean(dtype=np.float64) for name in SCHEDULES]) for task in ("a", "b")]
    assert found.score.value == pytest.approx(np.mean(means))
    assert len(found.score.images_N) == 50


def test_every_planned_gap_is_that_of_the_differences_model_by_model() -> None:
    found = evidence_of(AREAS, ["a"], SCHEDULES, CONTROLLED)
    assert found is not None
    assert [(gap.first, gap.second) for gap in found.gaps] == [("early", "late"), ("late", "random")]
    expected = population_of([AREAS["a"]["early"].astype(np.float64) - AREAS["a"]["late"]])
    assert (found.gaps[0].difference, found.gaps[0].p) == pytest.approx((expected.value, expected.p))
    assert list(planned_pairs(("x", "y", "z"), {})) == [("x", "y"), ("x", "z"), ("y", "z")]


def test_an_incomplete_grid_and_a_single_model_have_no_evidence() -> None:
    assert evidence_of(AREAS, ["a", "c"], SCHEDULES, CONTROLLED) is None
    assert evidence_of(AREAS, ["a"], ("early", "one-shot"), {}) is None
    alone = {"a": {name: area_KN[:1] for name, area_KN in AREAS["a"].items()}}
    assert evidence_of(alone, ["a"], SCHEDULES, {}) is None


def test_two_models_are_too_few_for_evidence() -> None:
    two = {"a": {name: area_KN[:2] for name, area_KN in AREAS["a"].items()}}
    assert evidence_of(two, ["a"], SCHEDULES, {}) is None
    assert evidence_of(AREAS, ["a"], SCHEDULES, {}) is not None


def test_a_row_of_a_board_shows_the_interval_that_its_tests_use() -> None:
    """A record's own interval, a bootstrap, covers .93 at ten models and 10,000 images; tests use another one."""
    record = evaluation(Knobs("a"))
    rng = np.random.default_rng(0)
    area_KN = 0.02 * rng.normal(size=(6, 1)) + 0.3 * rng.normal(size=(6, 50))
    area_KN += (record.summary[ROBUSTNESS_SCORE].value or 0.0) - area_KN.mean()
    evidence = evidence_of({TASK: {"early": area_KN}}, [TASK], ["early"], {})
    assert evidence is not None
    with_areas, without = condense("a", record, SIGNER), condense("b", record, SIGNER)
    board = assemble([replace(with_areas, evidence=evidence), without])
    found = summary_scores(board, ["a", "b"])[ROBUSTNESS_SCORE]
    low, high = population_of([area_KN.astype(np.float64)]).estimate.interval(0.95)
    assert found["a"] is not None
    assert found["b"] is not None
    assert (found["a"].low, found["a"].high) == pytest.approx((low, min(high, 1.0)), rel=1e-6)
    said = record.summary[ROBUSTNESS_SCORE]
    assert (found["b"].low, found["b"].high) == (said.low, said.high)
