"""A made board with a true effect says seen, and one without says not seen or undecided."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.board.inference.evidence import evidence_of
from leaderboard.report.findings import Findings, Method, find
from tests.leaderboard.records import TASK
from tests.leaderboard.report.made import FLOOR, SCHEDULES, made_method


def _board(supcon: dict[str, float], supervised: dict[str, float], seed: int) -> Findings:
    rng = np.random.default_rng(seed)
    methods = [made_method("supervised", supervised, rng), made_method("supcon", supcon, rng)]
    return find("made", [*methods, made_method("random_init", dict.fromkeys(SCHEDULES, 0.2), rng)], 0.05)


EVENLY = dict.fromkeys(SCHEDULES, 0.05)


def test_a_contrastive_method_that_loses_more_is_seen() -> None:
    found = _board(dict.fromkeys(SCHEDULES, 0.12), EVENLY, 0)
    (judged,) = found.of_claim("a")
    assert found.verdict("a") == judged.verdict == "seen"
    assert judged.test.effect.value == pytest.approx(2 * 0.07 / (0.9 - FLOOR), abs=0.05)
    assert judged.test.records == ("supervised", "supcon")
    assert found.verdict("c") != "seen"
    assert judged.family == len(found.judged) == 1 + 1 + 6


def test_a_contrastive_method_that_loses_less_is_not_seen() -> None:
    assert _board(EVENLY, dict.fromkeys(SCHEDULES, 0.12), 1).verdict("a") == "not seen"


def test_early_pruning_that_hurts_most_is_seen_and_one_that_does_not_is_denied() -> None:
    worst_early, worst_late = EVENLY | {"early": 0.12}, EVENLY | {"late": 0.12}
    early, late = _board(worst_early, worst_early, 2), _board(worst_late, worst_late, 3)
    assert (early.verdict("c"), early.verdict("d")) == ("seen", "seen")
    assert (late.verdict("c"), late.verdict("d")) == ("seen", "not seen")
    names = {each.test.name for each in early.of_claim("d", "supcon")}
    assert names == {"supcon: late - early", "supcon: one-shot - early"}


def test_schedules_are_tested_with_the_p_values_of_the_claims() -> None:
    """Satterthwaite's were used, which are too small far out: schedules differed here that no claim separates."""
    method = made_method("supervised", EVENLY | {"early": 0.12}, np.random.default_rng(7))
    areas = {TASK: {name: method.areas(name)[0] for name in SCHEDULES}}
    evidence = evidence_of(areas, [TASK], SCHEDULES, {})
    assert evidence is not None
    tested = {judged.test.pair: judged.test for judged in find("made", [method], 0.05).of_claim("c")}
    assert {pair: test.p for pair, test in tested.items()} == {
        (gap.first, gap.second): pytest.approx(gap.p) for gap in evidence.gaps
    }
    assert tested["early", "late"].effect.p < 0.9 * (tested["early", "late"].p or 0), "the test cannot tell them apart"


def test_boards_without_any_effect_hardly_ever_say_seen() -> None:
    boards = [_board(EVENLY, EVENLY, 10 + seed) for seed in range(20)]
    verdicts = [found.verdict(claim) for found in boards for claim in "acd"]
    assert verdicts.count("seen") <= 3


def test_untrained_and_incomplete_evaluations_are_not_tested() -> None:
    rng = np.random.default_rng(5)
    whole = made_method("supervised", EVENLY, rng)
    part = made_method("supcon", EVENLY, rng)
    lacking = Method(part.entry, dict(list(part.outcomes.items())[:-1]), part.floor, {}, part.num_train)
    found = find("made", [whole, lacking, made_method("random_init", EVENLY, rng)], 0.05)
    assert [method.entry.name for method in found.methods] == ["supervised"]
    assert find("made", [lacking], 0.05).methods == ()


def test_knowledge_kept_is_undefined_where_dense_models_know_no_more_than_untrained_ones() -> None:
    rng = np.random.default_rng(6)
    made = [made_method("supervised", EVENLY, rng, dense=0.401), made_method("supcon", EVENLY, rng)]
    found = find("made", made, 0.05)
    assert found.of_claim("a") == []
    assert found.verdict("a") == "undecided"
    assert not any(name == "supervised" for name, _, _ in found.kept)
