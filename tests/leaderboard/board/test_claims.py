"""Claims: every planned test against scipy in loops and Holm's steps by hand; what is not complete is not tested."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

from benchmark.recording.record import EvaluationRecord, Failure
from benchmark.scoring.score_math import area_over_compression
from benchmark.scoring.statistics.models_and_images import difference_of
from leaderboard.board.board import Board, assemble, condense
from leaderboard.board.claims import Claim, areas, claims
from leaderboard.board.inference.evidence import Evidence, evidence_of
from leaderboard.text.claim_table import claim_frame
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


def naive_holm(p: list[float], weights: list[float]) -> list[float]:
    adjusted = [0.0] * len(p)
    running, left = 0.0, sum(weights)
    for index in sorted(range(len(p)), key=lambda index: p[index] / weights[index]):
        running = max(running, min(1.0, left * p[index] / weights[index]))
        left -= weights[index]
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
    tested: Any = ttest_ind(score["simclr"], score["supcon"], equal_var=False)
    bounds = tested.confidence_interval(0.95)
    pair = next(c for c in found if (c.first, c.second) == ("simclr", "supcon"))
    assert (pair.difference - pair.margin, pair.difference + pair.margin) == pytest.approx(tuple(bounds), rel=1e-6)
    weights = [0.8 / 3 if kind == "submissions" else 0.2 / 12 for kind, *_ in expected]
    holm = dict(zip(expected, naive_holm(list(expected.values()), weights), strict=True))
    assert {(c.kind, c.path, c.first, c.second): c.p_holm for c in found} == pytest.approx(holm, rel=1e-6)
    assert {c.family for c in found} == {len(expected)}
    assert [c.p_holm for c in found] == sorted(c.p_holm for c in found)


def test_a_claim_is_small_since_a_board_has_one_for_every_two_methods() -> None:
    """1,600 methods are 1.3 million tests, which took half a GiB more."""
    assert not hasattr(Claim("submissions", "a", "supcon", "simclr", 0.02, 0.01, 0.04, 3), "__dict__")


def test_a_claim_names_the_more_robust_side_only_where_it_holds() -> None:
    claim = Claim("submissions", "a", "supcon", "simclr", 0.02, 0.01, 0.04, 3, margin=0.015)
    seen = ["better", "worse", "difference", "interval", "verdict"]
    assert claim_frame([claim], {"a": "first"}, 0.05)[seen].to_numpy().tolist() == [
        ["supcon", "simclr", 0.02, "+0.0050 to +0.0350", "holds"]
    ]
    turned = replace(claim, difference=-0.02)
    assert claim_frame([turned], {"a": "first"}, 0.05)[seen].to_numpy().tolist() == [
        ["simclr", "supcon", 0.02, "+0.0050 to +0.0350", "holds"]
    ]
    assert claim_frame([claim], {"a": "first"}, 0.03)["verdict"].tolist() == ["not separated"]
    same = replace(claim, difference=0.0, p_holm=1.0)
    assert claim_frame([same], {"a": "first"}, 0.05)["verdict"].tolist() == ["equal"]


def test_models_that_do_not_vary_give_no_claim() -> None:
    """Without variance there is no test, whatever the difference; p was 0 before."""
    first, same, other = (Knobs(name=n, wobble=0, dense=d) for n, d in (("a", 0.9), ("b", 0.9), ("c", 0.8)))
    found = run_claims(board_of(*map(evaluation, (first, same, other))))
    between = {(claim.first, claim.second): claim.p for claim in found if claim.kind == "submissions"}
    assert between == {("a", "b"): 1.0, ("a", "c"): 1.0, ("b", "c"): 1.0}


def test_the_interval_of_a_claim_over_models_and_images_is_that_of_the_comparison() -> None:
    """What Claims says of a pair is what Compare says of it."""
    rng = np.random.default_rng(0)
    board = board_of(*(evaluation(Knobs(name=name)) for name in ("a", "b")))
    evidence = dict(zip(board.entries, (evidence_for(rng, 0.5), evidence_for(rng, 0.52)), strict=True))
    [pair] = (c for c in run_claims(replace(board, evidence=evidence)) if c.kind == "submissions")
    first, second = (each.score for each in evidence.values())
    low, high = difference_of(first, second).interval(0.95)
    assert (pair.difference - pair.margin, pair.difference + pair.margin) == pytest.approx((low, high), rel=1e-9)


def evidence_for(rng: np.random.Generator, mean: float, images: int = 300) -> Evidence:
    """Return the evidence of six models whose images favour this method or another one."""
    favour_N = 0.15 * rng.normal(size=images)
    own = {
        name: mean + favour_N + 0.002 * rng.normal(size=(6, 1)) + 0.1 * rng.normal(size=(6, images))
        for name in ("early", "late", "one-shot", "one-shot-random")
    }
    own["one-shot-random"] -= 0.2
    controlled = {"one-shot-random": "one-shot"}
    found = evidence_of({"digits": own}, ["digits"], ["early", "late", "one-shot"], controlled)
    assert found is not None
    return found


def test_with_areas_a_claim_is_about_models_and_images() -> None:
    """Two methods whose models hardly differ, while images favour one or the other: only models know a difference."""
    board = board_of(*map(evaluation, KNOBS[:2]))
    rng = np.random.default_rng(1)
    evidence = {name: evidence_for(rng, mean) for name, mean in (("simclr", 0.8), ("supcon", 0.805))}
    found = run_claims(replace(board, evidence=evidence))
    assert {claim.over for claim in found} == {"models and images"}
    between = next(claim for claim in found if claim.kind == "submissions")
    expected = difference_of(evidence["simclr"].score, evidence["supcon"].score)
    assert (between.difference, between.p) == pytest.approx((expected.value, expected.p))
    assert between.p > 0.05
    control = next(claim for claim in found if claim.kind == "control")
    assert control.p_holm < 0.001
    assert {claim.over for claim in run_claims(board)} == {"models only"}


def test_where_one_of_two_lacks_areas_the_claim_says_that_it_is_about_models_only() -> None:
    board = board_of(*map(evaluation, KNOBS[:2]))
    found = run_claims(replace(board, evidence={"simclr": evidence_for(np.random.default_rng(1), 0.8)}))
    over = {(claim.kind, claim.path): claim.over for claim in found}
    assert over["submissions", "simclr"] == "models only"
    assert over["schedules", "simclr"] == "models and images"
    assert over["schedules", "supcon"] == "models only"


def test_truly_equal_methods_are_rarely_claimed_to_differ_though_images_favour_some() -> None:
    """60 boards of six equal methods; Welch over models with Holm's method claims a difference on a fifth and more."""
    rng, false = np.random.default_rng(12), 0
    records = [evaluation(Knobs(name=f"m{n}")) for n in range(6)]
    board = board_of(*records)
    for _ in range(60):
        drawn = replace(board, evidence={entry.path: evidence_for(rng, 0.8) for entry in board.entries.values()})
        false += any(claim.p_holm <= 0.05 for claim in run_claims(drawn) if claim.kind == "submissions")
    assert false <= 7


def test_incomplete_evaluations_and_single_models_are_not_tested() -> None:
    failure = {("early", 0.98, 1): Failure(reason="timeout", message="too slow")}
    complete = evaluation(KNOBS[0])
    alone = run_claims(board_of(complete))
    assert {claim.kind for claim in alone} == {"schedules", "control"}
    broken = evaluation(replace(KNOBS[1], failures=failure))
    assert run_claims(board_of(complete, broken)) == alone
    for few in (1, 2):
        assert run_claims(board_of(complete, evaluation(replace(KNOBS[1], models=few)))) == alone
    assert run_claims(board_of(broken)) == []



def test_an_interval_of_a_claim_ends_where_no_difference_can_be() -> None:
    """S10: with three models that differ much, t intervals reach beyond the largest difference, 1 / (1 - chance)."""
    wild = [replace(KNOBS[n], models=3, wobble=9.0) for n in (0, 1)]
    found = run_claims(board_of(*map(evaluation, wild)))
    [pair] = (claim for claim in found if claim.kind == "submissions")
    assert pair.margin > pair.largest == pytest.approx(10 / 9)
    [text] = claim_frame([pair], {pair.path: "a"}, 0.05)["interval"]
    assert text.endswith("to +1.1111")
