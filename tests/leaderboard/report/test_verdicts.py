"""A true effect is seen; without one, a claim is seen no more often than the board's error allows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from benchmark.scoring.statistics.models_and_images import TwoWayMean, population_of
from leaderboard.report.verdicts import (
    Judged,
    PlannedTest,
    Verdict,
    all_effects,
    any_effect,
    by_method,
    judge,
    of_board,
)


def _test(value: float, error: float = 0.01, freedom: float = 5.0, claim: str = "a") -> PlannedTest:
    return PlannedTest(claim, "x", TwoWayMean(value, error, freedom), 0.05, ())


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [
        (0.2, 0.01, "seen"),
        (-0.2, 0.01, "not seen"),  # the effect is there, of the other sign
        (0.001, 0.001, "not seen"),  # too small to matter, and known to be
        (0.03, 0.03, "undecided"),
        (0.2, 0.2, "undecided"),
        (0.0, 0.0, "undecided"),  # nothing varies: there is nothing to test with
    ],
)
def test_a_single_test_is_seen_denied_or_left_open(value: float, error: float, verdict: Verdict) -> None:
    (judged,) = judge([_test(value, error)], 0.05)
    assert judged.verdict == verdict


def test_all_tests_of_a_board_share_one_error() -> None:
    one = _test(0.032, 0.01)
    alone, *_ = judge([one], 0.05)
    among, *_ = judge([one, *[_test(0.0)] * 9], 0.05)
    assert (alone.verdict, among.verdict) == ("seen", "undecided")
    assert among.p_holm == pytest.approx(10 * alone.test.effect.p)
    assert judge([], 0.05) == []


def _judged(value: float, error: float = 0.001) -> Judged:
    return judge([_test(value, error)], 0.05)[0]


def test_claims_about_any_and_about_all_effects() -> None:
    plus, minus, none, open_ = _judged(0.2), _judged(-0.2), _judged(0.0005), _judged(0.05, 0.05)
    assert any_effect([minus, open_]) == "seen"
    assert any_effect([none, none]) == "not seen"
    assert any_effect([none, open_]) == any_effect([]) == "undecided"
    assert all_effects([plus, plus]) == "seen"
    assert all_effects([plus, minus]) == all_effects([plus, none]) == "not seen"
    assert all_effects([plus, open_]) == all_effects([]) == "undecided"
    assert of_board(["undecided", "seen"]) == "seen"
    assert of_board(["seen", "not seen"]) == of_board(["undecided"]) == "undecided"


def test_a_verdict_names_its_methods_and_none_speaks_for_another() -> None:
    assert by_method({"supcon": "seen", "simclr": "undecided"}) == "seen for supcon; undecided for simclr"
    many: dict[str, Verdict] = {f"m{place}": "undecided" for place in range(9)}
    assert by_method(many) == "undecided for all 9 methods"
    assert by_method({"a": "not seen", **many}) == "not seen for a; undecided for 9 of 10 methods"
    assert by_method(many, len(many)) == f"undecided for {', '.join(many)}"
    assert by_method({}) == "not tested"


def test_without_an_effect_a_board_claims_one_at_most_at_the_nominal_rate() -> None:
    """Six tests of six models and 300 images, nothing but noise of models and images."""
    rng, boards = np.random.default_rng(5), 400
    wrong = 0
    for _ in range(boards):
        tests: list[PlannedTest] = []
        for _ in range(6):
            noise_KN = rng.normal(0, 0.02, (6, 1)) + rng.normal(0, 0.3, 300) + rng.normal(0, 0.4, (6, 300))
            tests.append(PlannedTest("c", "x", population_of([noise_KN]).estimate, 0.01, ()))
        wrong += any(each.holds for each in judge(tests, 0.05))
    assert wrong / boards < 0.08


def test_a_true_effect_is_seen_nearly_always() -> None:
    rng = np.random.default_rng(6)
    found = Counter(
        judge([PlannedTest("a", "x", population_of([
            0.2 + rng.normal(0, 0.02, (6, 1)) + rng.normal(0, 0.3, 300) + rng.normal(0, 0.4, (6, 300))
        ]).estimate, 0.05, ()), *[_test(0.0)] * 5], 0.05)[0].verdict
        for _ in range(100)
    )  # fmt: skip
    assert found["seen"] > 95
