"""Claims: every planned test against scipy in loops and Holm's steps by hand; what is not complete is not tested."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

from benchmark.recording.record import EvaluationRecord, Failure
from benchmark.scoring.score_math import area_over_compression
from leaderboard.board.board import Board, assemble, condense
from leaderboard.board.claims import Claim, areas, claim_frame, claims
from tests.leaderboard.records import SIGNER, SPARSITIES, Knobs, evaluation

KNOBS = (
    Knobs(name="simclr", dense=0.95, loss=0.06),
    Knobs(name="supcon", dense=0.97, loss=0.03, supervision="labels"),
    Knobs(name="supervised", dense=0.971, loss=0.031, supervision="labels", models=4),
)


def board_of(*records: EvaluationRecord) -> Board:
    return assemble(condense(record.submission.name, record, SIGNER) for record in records)


def run_claims(board: Board) -> list[Claim]:
    return claims(board, list(board.entries.values()))


def naive_area(record: EvaluationRecord, schedule: str, seed: int) -> float:
    accuracy = {(r.schedule, r.sparsity, r.seed): r.metrics["linear/accuracy"] for r in record.runs}
    heights = [(accuracy[schedule, sparsity, seed] - 0.1) / 0.9 for sparsity in SPARSITIES]  # pyright: ignore[reportOptionalOperand]
    return float(area_over_compression(SPARSITIES, heights))


def naive_holm(p: list[float]) -> list[float]:
    adjusted = [0.0] * len(p)
    running = 0.0
    for place, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        running = max(running, min(1.0, (len(p) - place) * p[index]))
        adjusted[index] = running
    return adjusted


def test_areas_are_those_of_every_model_and_schedule() -> None:
    record = evaluation(KNOBS[0])
    found = areas(board_of(record), list(board_of(record).entries.values()))["simclr"]
    assert set(found) == {"early", "late", "one-shot", "one-shot-random"}
    for schedule, areas_K in found.items():
        assert areas_K.tolist() == pytest.approx([naive_area(record, schedule, seed) for seed in range(6)], abs=1e-12)


def test_every_planned_test_is_there_once_with_the_p_value_of_scipy_and_of_holm() -> None:
    records = {knobs.name: evaluation(knobs) for knobs in KNOBS}
    found = run_claims(board_of(*records.values()))
    expected: dict[tuple[str, ...], float] = {}
    ranked = ("early", "late", "one-shot")
    score = {
        name: [np.mean([naive_area(r, s, seed) for s in ranked]) for seed in range(len(r.runs) // 21)]
        for name, r in records.items()
    }
    for a, b in (("simclr", "supcon"), ("simclr", "supervised"), ("supcon", "supervised")):
        expected["submissions", a, a, b] = ttest_ind(score[a], score[b], equal_var=False).pvalue  # pyright: ignore
    for name, record in records.items():
        for kind, a, b in (
            ("schedules", "early", "late"), ("schedules", "early", "one-shot"), ("schedules", "late", "one-shot"),
            ("control", "one-shot", "one-shot-random"),
        ):  # fmt: skip
            sides = [[naive_area(record, side, seed) for seed in range(len(score[name]))] for side in (a, b)]
            expected[kind, name, a, b] = ttest_rel(*sides).pvalue  # pyright: ignore
    assert {(c.kind, c.path, c.first, c.second): c.p for c in found} == pytest.approx(expected, rel=1e-6)
    holm = dict(zip(expected, naive_holm(list(expected.values())), strict=True))
    assert {(c.kind, c.path, c.first, c.second): c.p_holm for c in found} == pytest.approx(holm, rel=1e-6)
    assert {c.family for c in found} == {len(expected)}
    assert [c.p_holm for c in found] == sorted(c.p_holm for c in found)


def test_a_claim_names_the_more_robust_side_only_where_it_holds() -> None:
    claim = Claim("submissions", "a", "supcon", "simclr", 0.02, 0.01, 0.04, 3)
    assert claim_frame([claim], {"a": "first"}, 0.05)["verdict"].tolist() == ["supcon is more robust"]
    turned = replace(claim, difference=-0.02)
    assert claim_frame([turned], {"a": "first"}, 0.05)["verdict"].tolist() == ["simclr is more robust"]
    assert claim_frame([claim], {"a": "first"}, 0.03)["verdict"].tolist() == ["not separated"]


def test_models_that_do_not_vary_are_the_same_or_not() -> None:
    first, same, other = (Knobs(name=n, wobble=0, dense=d) for n, d in (("a", 0.9), ("b", 0.9), ("c", 0.8)))
    found = run_claims(board_of(*map(evaluation, (first, same, other))))
    between = {(claim.first, claim.second): claim.p for claim in found if claim.kind == "submissions"}
    assert between == {("a", "b"): 1.0, ("a", "c"): 0.0, ("b", "c"): 0.0}


def test_incomplete_evaluations_and_single_models_are_not_tested() -> None:
    failure = {("early", 0.98, 1): Failure(reason="timeout", message="too slow")}
    complete = evaluation(KNOBS[0])
    alone = run_claims(board_of(complete))
    assert {claim.kind for claim in alone} == {"schedules", "control"}
    broken = evaluation(replace(KNOBS[1], failures=failure))
    assert run_claims(board_of(complete, broken)) == alone
    assert run_claims(board_of(complete, evaluation(replace(KNOBS[1], models=1)))) == alone
    assert run_claims(board_of(broken)) == []

