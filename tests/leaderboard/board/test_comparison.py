"""The difference of two submissions against areas by hand; what a missing run or missing outcomes leave of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.recording.record import EvaluationRecord, Failure
from benchmark.scoring.score_math import log2_compression
from leaderboard.board.board import Board, assemble, condense
from leaderboard.board.claims import claims
from leaderboard.board.comparison import Comparison, compare
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.inference.evidence import Evidence, evidence_of
from leaderboard.board.standings import (
    selection_scores,
)
from leaderboard.reading.outcomes import read_outcomes
from leaderboard.text.comparison_words import difference_lines, verdict
from tests.leaderboard.records import SIGNER, SPARSITIES, TASK, Knobs, add_outcomes, evaluation, shelve


def _board(*records: EvaluationRecord) -> Board:
    return assemble(condense(f"record-{place}", record, SIGNER) for place, record in enumerate(records))


FAILED = {("late", 0.9, 1): Failure(reason="out_of_memory", message="2 GiB")}


def test_the_paired_difference_of_scores_is_the_difference_of_mean_areas(tmp_path: Path) -> None:
    records = [evaluation(Knobs("a", 0.97, 0.04)), evaluation(Knobs("b", 0.9, 0.2))]
    paths = shelve(tmp_path, *records)
    signed = [add_outcomes(path, record) for path, record in zip(paths, records, strict=True)]
    board = assemble(condense(str(path), record, SIGNER) for path, record in zip(paths, signed, strict=True))
    sides = [read_outcomes(path, record.outcomes_sha256) for path, record in zip(paths, signed, strict=True)]
    first, second = board.entries.values()
    found = compare(board, first, second, (sides[0], sides[1]))
    areas: list[float] = []
    for side in sides:
        assert side is not None
        for schedule in ("early", "late", "one-shot"):
            heights = [(float(side[TASK, schedule, s].correct.mean()) - 0.1) / 0.9 for s in SPARSITIES]
            places = [log2_compression(sparsity) for sparsity in SPARSITIES]
            areas.append(float(np.trapezoid(heights, places) / (places[-1] - places[0])))
    assert found.over_images
    assert found.holds
    assert found.advice is None
    assert found.score is not None
    assert found.score.value == pytest.approx(np.mean(areas[:3]) - np.mean(areas[3:]))
    assert found.score.low > 0
    assert set(found.overlaps) == {key for key in found.cells if key[1] != "dense"}


def test_without_outcomes_the_difference_is_over_models_and_close_to_the_summaries() -> None:
    board = _board(evaluation(Knobs("a", 0.97, 0.04)), evaluation(Knobs("b", 0.9, 0.2)))
    entries = list(board.entries.values())
    found = compare(board, entries[0], entries[1], (None, None))
    first, second = selection_scores(board, entries, ["early", "late", "one-shot"], SPARSITIES).values()
    assert not found.over_images
    assert found.score is not None
    assert first is not None
    assert second is not None
    assert found.score.value == pytest.approx(first.value - second.value)


def test_a_missing_run_leaves_cells_comparable_and_scores_not() -> None:
    board = _board(evaluation(Knobs("a")), evaluation(Knobs("b", failures=FAILED)))
    first, second = board.entries.values()
    found = compare(board, first, second, (None, None))
    assert found.score is None
    assert (TASK, "late", 0.9) not in found.cells
    assert isinstance(found.cells[TASK, "early", 0.9], IntervalEstimate)


def test_a_gap_that_could_be_nothing_gets_no_advice_and_one_that_is_lost_among_many_pairs_does() -> None:
    """Alone the gap holds; among the pairs of 40 submissions it does not, and there is a number that would do."""
    board = _board(evaluation(Knobs("a")), evaluation(Knobs("b")))
    first, second = board.entries.values()
    rng = np.random.default_rng(4)

    def evidence(mean: float) -> Evidence:
        area_KN = mean + 0.02 * rng.normal(size=(6, 1)) + 0.05 * rng.normal(size=400) + 0.1 * rng.normal(size=(6, 400))
        found = evidence_of({TASK: {"early": area_KN}}, [TASK], ["early"], {})
        assert found is not None
        return found

    def verdict(gap: float, submissions: int) -> Comparison:
        known = replace(board, evidence={first.path: evidence(0.8 + gap), second.path: evidence(0.8)})
        [test] = (claim for claim in claims(known, [first, second]) if claim.kind == "submissions")
        pairs = submissions * (submissions - 1) // 2
        test = replace(test, p_holm=min(test.p * pairs, 1.0))
        others = [replace(test, first=f"other {n}", second=f"another {n}") for n in range(pairs - 1)]
        return compare(known, first, second, (None, None), [test, *others])

    nothing = verdict(0.0, 40)
    assert not nothing.holds
    assert nothing.advice is None
    lost = verdict(0.05, 40)
    assert lost.score is not None
    assert lost.score.low > 0
    assert not lost.holds
    assert lost.advice is not None
    assert lost.advice.models is not None
    assert lost.advice.models > 6
    assert verdict(0.2, 40).holds


def test_two_models_are_too_few_to_compare_and_it_says_so() -> None:
    """S10: with two models of each a t test of one degree of freedom was shown as a result."""
    board = _board(evaluation(Knobs("a", models=2)), evaluation(Knobs("b", 0.7, models=2)))
    first, second = board.entries.values()
    found = compare(board, first, second, (None, None))
    assert (found.p, found.holds, found.advice) == (None, False, None)
    said = verdict(first, second, found)
    assert said is not None
    assert said.sentence == "a and b are not separated."
    assert said.interval == "too few models for an interval"
    assert said.notes == ("Fewer than 3 models of a submission are too few to say anything about a difference.",)
    for line in difference_lines(found, TASK, first.schedules):
        assert all(value == low == high for _, value, low, high in line.points)


def test_models_that_do_not_vary_separate_nobody() -> None:
    """No variance, no test: a difference without any spread had p 0, or none at all, and "held"."""
    board = _board(evaluation(Knobs("a", wobble=0)), evaluation(Knobs("b", 0.7, wobble=0)))
    first, second = board.entries.values()
    found = compare(board, first, second, (None, None))
    said = verdict(first, second, found)
    assert not found.holds
    assert said is not None
    assert said.sentence == "a and b are not separated."


def test_differences_stay_within_what_is_possible() -> None:
    """S10: accuracies differ by at most 1, scores by at most 1 / (1 - chance)."""
    board = _board(evaluation(Knobs("a", models=3, wobble=9.0)), evaluation(Knobs("b", models=3, wobble=9.0)))
    first, second = board.entries.values()
    found = compare(board, first, second, (None, None))
    assert found.score is not None
    assert found.score.high == pytest.approx(10 / 9)
    ends = [bound for cell in found.cells.values() for bound in (cell.low, cell.high) if bound != cell.value]
    assert ends
    assert all(-1 <= end <= 1 for end in ends)
    assert {-1.0, 1.0} & set(ends)
