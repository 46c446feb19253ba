"""Two evaluations compared: which differences are real, and whether both forget the same images. Pure.

Models (seeds) and test images are both samples: the same images for both, models of their own
(`benchmark.scoring.statistics.models_and_images`). Where neither areas nor outcomes of both are at hand, differences
rest on the accuracy of every model (Welch's t over models only).

Shapes: K and L models of the two submissions, N test images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from benchmark.scoring.score_math import FEWEST_MODELS, chance_corrected, compression_weights, largest_difference
from benchmark.scoring.statistics.models_and_images import Population, TwoWayMean, difference_of, population_of
from benchmark.scoring.statistics.power import PowerAdvice, advise
from leaderboard.board.board import DENSE, Board, Entry
from leaderboard.board.claims import Claim, claims, planned
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.inference.plan import first_level
from leaderboard.board.pairing import Overlap, overlap, weighted, welch_difference
from leaderboard.board.predictions import CellKey, Predictions, cell_key

Doubles = NDArray[np.float64]
CellPredictions = Mapping[CellKey, Predictions]


@dataclass(frozen=True)
class Comparison:
    """What separates two submissions.

    Attributes:
        score: difference of their robustness scores, first minus second; None where a run is missing. Bounds are cut to
            what is possible; infinite where there are fewer than `FEWEST_MODELS` models of either.
        holds: whether their planned test holds, with all tests of the board sharing one error.
        cells: difference in accuracy per cell that both have.
        p: two-sided p-value of the difference in scores, for this pair alone; None with too few models.
        advice: how many models of each would separate them on the board; None where they are separated, where the
            difference could be nothing, and where only models are known.
        overlaps: common PIEs per pruned cell; empty without per-example outcomes.
        over_images: whether the score's interval is about models and test images; else about models only.
        p_holm: p-value of their planned test, adjusted for all tests of the board; None where they are not tested.
    """

    score: IntervalEstimate | None
    holds: bool
    cells: Mapping[CellKey, IntervalEstimate]
    advice: PowerAdvice | None
    overlaps: Mapping[CellKey, Overlap]
    over_images: bool
    p: float | None = None
    p_holm: float | None = None


def compare(
    board: Board, first: Entry, second: Entry, outcomes: tuple[CellPredictions | None, CellPredictions | None],
    tests: Sequence[Claim] | None = None,
) -> Comparison:  # fmt: skip
    """Compare two evaluations under the same specification.

    Args:
        board: all evaluations.
        first: one of them.
        second: another one.
        outcomes: predictions of both; None where the file beside a record is absent or altered.
        tests: every planned test of their board; those of the two alone where not given.
    """
    plan = _plan(first, second, claims(board, [first, second]) if tests is None else tests)
    of_first, of_second = outcomes
    known = board.evidence.get(first.path), board.evidence.get(second.path)
    sides: list[Population | None] = [None, None]
    if known[0] and known[1] and known[0].comparable(known[1]):
        sides = [known[0].score, known[1].score]
    if of_first and of_second and _are_of_same_examples(of_first, of_second):
        correct = [{key: cell.correct for key, cell in side.items()} for side in (of_first, of_second)]
        if not all(sides):
            sides = [_population(_score_outcomes(first, side)) for side in correct]
        cells = {
            key: _over_both(correct[0][key], correct[1][key], first.confidence) for key in _common(*correct)
        }  # fmt: skip
        overlaps = _overlaps(of_first, of_second)
    else:
        accuracies = [_accuracies(board, entry) for entry in (first, second)]
        cells = {
            key: _over_models_only(accuracies[0][key], accuracies[1][key], first.confidence)
            for key in _common(*accuracies)
        }
        overlaps = dict[CellKey, Overlap]()
    if sides[0] and sides[1]:
        return _between(first, (sides[0], sides[1]), plan, (cells, overlaps))
    return _over_models(board, first, second, plan, (cells, overlaps))


_Rest = tuple[Mapping[CellKey, IntervalEstimate], Mapping[CellKey, Overlap]]


@dataclass(frozen=True)
class _Plan:
    """What the plan of the board says of this pair, and at which level it is tested first."""

    p_holm: float | None
    holds: bool
    level: float


def _plan(first: Entry, second: Entry, tests: Sequence[Claim]) -> _Plan:
    confidence, claim = min(first.confidence, second.confidence), planned(tests, first, second)
    num_pairs = sum(each.kind == "submissions" for each in tests)
    p_holm = claim.p_holm if claim else None
    holds = p_holm is not None and p_holm <= 1 - confidence
    return _Plan(p_holm, holds, first_level(num_pairs, len(tests) - num_pairs, confidence))


def _between(first: Entry, sides: tuple[Population, Population], plan: _Plan, rest: _Rest) -> Comparison:
    """Compare scores over models and images."""
    gap = difference_of(*sides)
    advice = None if plan.holds else advise(*sides, first.confidence, plan.level)
    score = _estimate(gap, first.confidence).within(largest_difference(first.chance.values()))
    return Comparison(score, plan.holds, rest[0], advice, rest[1], over_images=True, p=gap.p, p_holm=plan.p_holm)


def _over_models(board: Board, first: Entry, second: Entry, plan: _Plan, rest: _Rest) -> Comparison:
    """Compare scores over models only, by the accuracies of every model."""
    tasks = [_score_outcomes(first, _accuracies(board, entry)) for entry in (first, second)]
    if not all(tasks):
        return Comparison(None, False, rest[0], None, rest[1], over_images=False)
    scores = [_model_scores(side) for side in tasks]
    score = welch_difference(scores[0], scores[1], first.confidence).within(largest_difference(first.chance.values()))
    if not score.is_known:
        return Comparison(score, False, rest[0], None, rest[1], over_images=False)
    test: Any = ttest_ind(scores[0], scores[1], equal_var=False) if score.width else None
    p = 1.0 if test is None else float(test.pvalue)
    return Comparison(score, plan.holds, rest[0], None, rest[1], over_images=False, p=p, p_holm=plan.p_holm)


def _population(tasks: Sequence[Doubles]) -> Population | None:
    return population_of(tasks) if tasks and all(_is_enough(outcome_KN) for outcome_KN in tasks) else None


def _is_enough(outcome_KN: Doubles) -> bool:
    return len(outcome_KN) >= FEWEST_MODELS and outcome_KN.shape[1] > 1


def _over_both(first_KN: Doubles, second_LN: Doubles, confidence: float) -> IntervalEstimate:
    """Return the difference of two accuracies over models and images; over models only of a single image."""
    if not (_is_enough(first_KN) and _is_enough(second_LN)):
        return _over_models_only(first_KN, second_LN, confidence)
    gap = difference_of(population_of([first_KN]), population_of([second_LN]))
    return _estimate(gap, confidence).within(1.0)


def _over_models_only(first_KN: Doubles, second_LN: Doubles, confidence: float) -> IntervalEstimate:
    return welch_difference(first_KN.mean(axis=1), second_LN.mean(axis=1), confidence).within(1.0)


def _estimate(gap: TwoWayMean, confidence: float) -> IntervalEstimate:
    return IntervalEstimate(gap.value, *gap.interval(confidence))


def device_hours(per_model_s: Sequence[float], more: int) -> float:
    """Return the cost of training `more` models of every submission, at the seconds per model seen so far, in hours."""
    return sum(per_model_s) * more / 3600


def _score_outcomes(entry: Entry, cells: Mapping[CellKey, Doubles]) -> list[Doubles]:
    """Collapse the grid of every task to one matrix (K, N) whose mean is the robustness score.

    The score is linear in who got which example right, so a weighted sum of the cells' matrices is enough.

    Args:
        entry: says which tasks, schedules and sparsities are scored, and the chance per task.
        cells: outcomes (K, N) of every cell.

    Returns:
        One matrix per task; nothing at all where a cell is missing, or has other models than the others.
    """
    if not (entry.schedules and entry.sparsities):
        return []
    shares = np.tile(compression_weights(entry.sparsities) / len(entry.schedules), len(entry.schedules)).tolist()
    made: list[Doubles] = []
    for task in entry.tasks:
        grid = [cell_key(task, schedule, sparsity) for schedule in entry.schedules for sparsity in entry.sparsities]
        matrices = [cells[key] for key in grid if key in cells]
        if len(matrices) < len(grid) or len({matrix_KN.shape for matrix_KN in matrices}) > 1:
            return []
        made.append(chance_corrected(weighted(matrices, shares), entry.chance[task]))
    return made


def _model_scores(tasks: Sequence[Doubles]) -> Doubles:
    """Return the robustness score of every model, (K,): the mean over examples, then over tasks."""
    return np.mean([outcome_KN.mean(axis=1) for outcome_KN in tasks], axis=0)


def _accuracies(board: Board, entry: Entry) -> dict[CellKey, Doubles]:
    """Collect the accuracies of every complete cell, (K, 1), models in the order of their seeds."""
    runs = board.seeds.loc[board.seeds["path"] == entry.path].sort_values("seed")
    found: dict[CellKey, list[float]] = {}
    fields = (runs[name].tolist() for name in ("task", "schedule", "sparsity", "accuracy"))
    for task, schedule, sparsity, accuracy in zip(*fields, strict=True):
        found.setdefault(cell_key(task, schedule, sparsity), []).append(accuracy)
    return {key: np.array(values)[:, None] for key, values in found.items() if len(values) == entry.num_models}


def _overlaps(of_first: CellPredictions, of_second: CellPredictions) -> dict[CellKey, Overlap]:
    """Count common PIEs of every pruned cell whose dense cell both have."""
    found: dict[CellKey, Overlap] = {}
    for key in _common(of_first, of_second):
        task, schedule, _ = key
        dense = cell_key(task, DENSE, 0.0)
        if schedule != DENSE and dense in of_first and dense in of_second:
            first_N, second_N = (side[dense].modal != side[key].modal for side in (of_first, of_second))
            found[key] = overlap(first_N, second_N)
    return found


def _are_of_same_examples(of_first: CellPredictions, of_second: CellPredictions) -> bool:
    return all(of_first[key].is_of_same_examples(of_second[key]) for key in _common(of_first, of_second))


def _common(first: Mapping[CellKey, object], second: Mapping[CellKey, object]) -> list[CellKey]:
    """List the cells that both have, in order."""
    return sorted(first.keys() & second.keys())
