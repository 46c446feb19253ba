"""Two evaluations compared: which differences are real, and whether both forget the same images. Pure.

With the per-example outcomes of both, models and test examples are resampled, the same examples for both. Without
them, differences rest on the accuracy of every model (Welch's t over models).

Shapes: K and L models of the two submissions, N test examples, R draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.score_math import chance_corrected, compression_weights
from leaderboard.board.board import DENSE, Board, Entry
from leaderboard.board.estimates import IntervalEstimate
from leaderboard.board.pairing import (
    Overlap,
    difference,
    models_to_separate,
    overlap,
    paired_draws,
    weighted,
    welch_difference,
)
from leaderboard.board.predictions import CellKey, Predictions, cell_key

DRAWS = 2000
"""Bootstrap draws per difference."""
Doubles = NDArray[np.float64]
CellPredictions = Mapping[CellKey, Predictions]


@dataclass(frozen=True)
class Comparison:
    """What separates two submissions.

    Attributes:
        score: difference of their robustness scores, first minus second; None where a run is missing.
        cells: difference in accuracy per cell that both have.
        num_models: models per submission that would separate them, given the difference and spread seen; None if more
            than `pairing.MAX_MODELS`, or if there is no `score`.
        overlaps: common PIEs per pruned cell; empty without per-example outcomes.
        paired: whether test examples were resampled (the same for both), else models only.
    """

    score: IntervalEstimate | None
    cells: Mapping[CellKey, IntervalEstimate]
    num_models: int | None
    overlaps: Mapping[CellKey, Overlap]
    paired: bool


def compare(
    board: Board, first: Entry, second: Entry, outcomes: tuple[CellPredictions | None, CellPredictions | None]
) -> Comparison:
    """Compare two evaluations under the same specification.

    Args:
        board: all evaluations.
        first: one of them.
        second: another one.
        outcomes: predictions of both; None where the file beside a record is absent or altered.
    """
    of_first, of_second = outcomes
    if of_first and of_second and _are_of_same_examples(of_first, of_second):
        return _compare_on_examples(first, of_first, of_second)
    return _compare_over_models(first, _accuracies(board, first), _accuracies(board, second))


def device_hours(per_model_s: Sequence[float], more: int) -> float:
    """Return the cost of training `more` models of every submission, at the seconds per model seen so far, in hours."""
    return sum(per_model_s) * more / 3600


def _compare_on_examples(entry: Entry, of_first: CellPredictions, of_second: CellPredictions) -> Comparison:
    """Compare by who got which example right; `entry` says how the grid is scored."""
    first, second = ({key: cell.correct for key, cell in side.items()} for side in (of_first, of_second))
    cells = {key: _cell_difference(first[key], second[key], entry.confidence) for key in _common(first, second)}
    tasks = _score_outcomes(entry, first), _score_outcomes(entry, second)
    score = _score_difference(*tasks, entry.confidence) if all(tasks) else None
    overlaps = _overlaps(of_first, of_second)
    return Comparison(score, cells, _num_models_to_separate(*tasks, entry.confidence), overlaps, paired=True)


def _compare_over_models(
    entry: Entry, first: Mapping[CellKey, Doubles], second: Mapping[CellKey, Doubles]
) -> Comparison:
    """Compare by accuracies, (K, 1) per cell: one column stands for all test examples, which are taken as fixed."""
    cells = {
        key: welch_difference(first[key].mean(axis=1), second[key].mean(axis=1), entry.confidence)
        for key in _common(first, second)
    }
    tasks = _score_outcomes(entry, first), _score_outcomes(entry, second)
    score = welch_difference(_model_scores(tasks[0]), _model_scores(tasks[1]), entry.confidence) if all(tasks) else None
    return Comparison(score, cells, _num_models_to_separate(*tasks, entry.confidence), {}, paired=False)


def _cell_difference(first_KN: Doubles, second_LN: Doubles, confidence: float) -> IntervalEstimate:
    draws_R = paired_draws(first_KN[None], second_LN[None], DRAWS)[:, 0]
    return difference(first_KN, second_LN, draws_R, confidence)


def _score_difference(first: Sequence[Doubles], second: Sequence[Doubles], confidence: float) -> IntervalEstimate:
    """Return the difference of robustness scores: outcomes of every task, averaged over tasks draw by draw."""
    per_task = [paired_draws(a_KN[None], b_LN[None], DRAWS)[:, 0] for a_KN, b_LN in zip(first, second, strict=True)]
    draws_R = np.mean(per_task, axis=0)
    return difference(_model_scores(first)[:, None], _model_scores(second)[:, None], draws_R, confidence)


def _num_models_to_separate(first: Sequence[Doubles], second: Sequence[Doubles], confidence: float) -> int | None:
    return models_to_separate(_model_scores(first), _model_scores(second), confidence) if first and second else None


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
