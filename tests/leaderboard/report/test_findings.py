"""A made board with a true effect says seen, and one without says not seen or undecided."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.board.board import entry_of
from leaderboard.board.predictions import CellKey, Predictions, cell_key
from leaderboard.report.findings import Findings, Method, find
from tests.leaderboard.records import SIGNER, TASK, Knobs, evaluation

SCHEDULES, SPARSITIES = ("early", "late", "one-shot"), (0.5, 0.9)
NUM_IMAGES, FLOOR = 1000, 0.4
LABEL_N = np.arange(NUM_IMAGES) % 10


def _method(name: str, losses: dict[str, float], rng: np.random.Generator, dense: float = 0.9) -> Method:
    """Models that are right at a rate of `dense` less the loss of a schedule, twice that at .9, on the same images."""
    knobs = Knobs(name, models=6, schedules=SCHEDULES, sparsities=SPARSITIES)
    entry = entry_of(name, evaluation(knobs), SIGNER)
    luck_KN = rng.random((6, NUM_IMAGES))
    rates: dict[CellKey, float] = {cell_key(TASK, "dense", 0.0): dense}
    rates |= {
        cell_key(TASK, schedule, sparsity): dense - losses[schedule] * (2 if sparsity == 0.9 else 1)
        for schedule in SCHEDULES for sparsity in SPARSITIES
    }  # fmt: skip
    outcomes: dict[CellKey, Predictions] = {}
    for key, rate in rates.items():
        level_K1 = rate + rng.normal(0, 0.003, (6, 1))
        again_KN = np.where(rng.random((6, NUM_IMAGES)) < 0.1, rng.random((6, NUM_IMAGES)), luck_KN)
        outcomes[key] = Predictions(np.where(again_KN < level_K1, LABEL_N, (LABEL_N + 1) % 10), LABEL_N)
    return Method(entry, outcomes, {TASK: FLOOR}, {}, {TASK: 1000})


def _board(supcon: dict[str, float], supervised: dict[str, float], seed: int) -> Findings:
    rng = np.random.default_rng(seed)
    methods = [_method("supervised", supervised, rng), _method("supcon", supcon, rng)]
    return find("made", [*methods, _method("random_init", dict.fromkeys(SCHEDULES, 0.2), rng)], 0.05)


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


def test_boards_without_any_effect_hardly_ever_say_seen() -> None:
    boards = [_board(EVENLY, EVENLY, 10 + seed) for seed in range(20)]
    verdicts = [found.verdict(claim) for found in boards for claim in "acd"]
    assert verdicts.count("seen") <= 3


def test_untrained_and_incomplete_evaluations_are_not_tested() -> None:
    rng = np.random.default_rng(5)
    whole = _method("supervised", EVENLY, rng)
    part = _method("supcon", EVENLY, rng)
    lacking = Method(part.entry, dict(list(part.outcomes.items())[:-1]), part.floor, {}, part.num_train)
    found = find("made", [whole, lacking, _method("random_init", EVENLY, rng)], 0.05)
    assert [method.entry.name for method in found.methods] == ["supervised"]
    assert find("made", [lacking], 0.05).methods == ()


def test_knowledge_kept_is_undefined_where_dense_models_know_no_more_than_untrained_ones() -> None:
    rng = np.random.default_rng(6)
    found = find("made", [_method("supervised", EVENLY, rng, dense=0.401), _method("supcon", EVENLY, rng)], 0.05)
    assert found.of_claim("a") == []
    assert found.verdict("a") == "undecided"
    assert not any(name == "supervised" for name, _, _ in found.kept)
