"""Two evaluations against each other, from their records and per-example outcomes. It refuses to draw.

Without the outcomes of both, differences fall back on the accuracy of every model (Welch's t over models).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.board.board import DENSE, Board, Entry
from leaderboard.board.pairing import (
    Overlap,
    difference,
    models_to_separate,
    overlap,
    paired_draws,
    weighted,
    welch_difference,
)
from leaderboard.board.predictions import CellKey, Predictions
from leaderboard.board.ranking import Interval, compression_weights

DRAWS = 2000
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Duel:
    """What separates two submissions.

    Attributes:
        score: difference of their robustness scores, first minus second; None where a run is missing.
        cells: difference in accuracy per cell that both have.
        models: models per submission that would separate them, given the difference and spread seen; None if too many.
        overlaps: common PIEs per pruned cell; empty without per-example outcomes.
        paired: whether test examples were resampled (the same for both), else models only.
    """

    score: Interval | None
    cells: Mapping[CellKey, Interval]
    models: int | None
    overlaps: Mapping[CellKey, Overlap]
    paired: bool


def compare(
    board: Board, first: Entry, second: Entry,
    outcomes: tuple[dict[CellKey, Predictions] | None, dict[CellKey, Predictions] | None],
) -> Duel:  # fmt: skip
    """Compare two evaluations under the same specification."""
    mine, theirs = outcomes
    if mine and theirs and all(_same_examples(mine[key], theirs[key]) for key in mine.keys() & theirs.keys()):
        correct = {key: cell.correct for key, cell in mine.items()}
        their_correct = {key: cell.correct for key, cell in theirs.items()}
        return _compare(first, correct, their_correct, _overlaps(mine, theirs), paired=True)
    return _compare(first, _accuracies(board, first), _accuracies(board, second), {}, paired=False)


def _compare(
    entry: Entry, first: Mapping[CellKey, Doubles], second: Mapping[CellKey, Doubles],
    overlaps: Mapping[CellKey, Overlap], paired: bool,
) -> Duel:  # fmt: skip
    """Compare outcomes (K, N) per cell; without per-example outcomes N is 1 and examples are not resampled."""
    keys = sorted(key for key in first.keys() & second.keys())
    cells = _differences({key: first[key] for key in keys}, {key: second[key] for key in keys}, entry, paired)
    sides = _score_outcomes(entry, first), _score_outcomes(entry, second)
    if not sides[0] or not sides[1]:
        return Duel(None, cells, None, overlaps, paired)
    first_K, second_L = (np.mean([task_KN.mean(axis=1) for task_KN in side], axis=0) for side in sides)
    score = welch_difference(first_K, second_L, entry.confidence)
    if paired:
        draws_R = np.mean([paired_draws(a[None], b[None], DRAWS)[:, 0] for a, b in zip(*sides, strict=True)], axis=0)
        score = difference(first_K[:, None], second_L[:, None], draws_R, entry.confidence)
    return Duel(score, cells, models_to_separate(first_K, second_L, entry.confidence), overlaps, paired)


def _differences(
    first: Mapping[CellKey, Doubles], second: Mapping[CellKey, Doubles], entry: Entry, paired: bool
) -> dict[CellKey, Interval]:
    found: dict[CellKey, Interval] = {}
    for key, mine_KN in first.items():
        if paired:
            draws_R = paired_draws(mine_KN[None], second[key][None], DRAWS)[:, 0]
            found[key] = difference(mine_KN, second[key], draws_R, entry.confidence)
        else:
            found[key] = welch_difference(mine_KN.mean(axis=1), second[key].mean(axis=1), entry.confidence)
    return found


def _score_outcomes(entry: Entry, cells: Mapping[CellKey, Doubles]) -> list[Doubles]:
    """Give per task the outcome per model and example whose mean is the robustness score; empty where a cell lacks."""
    made: list[Doubles] = []
    weights = compression_weights(entry.sparsities) if entry.sparsities else np.zeros(0)
    for task in entry.tasks:
        chance = entry.chance.get(task, 0.0)
        keys = [(task, schedule, round(s, 9)) for schedule in entry.schedules for s in entry.sparsities]
        shapes = {cells[key].shape for key in keys if key in cells}
        if not keys or any(key not in cells for key in keys) or len(shapes) != 1:
            return []
        shares = np.tile(weights / len(entry.schedules), len(entry.schedules))
        made.append((weighted([cells[key] for key in keys], shares.tolist()) - chance) / (1 - chance))
    return made


def _accuracies(board: Board, entry: Entry) -> dict[CellKey, Doubles]:
    runs = board.seeds.loc[board.seeds["path"] == entry.path].sort_values("seed")
    found: dict[CellKey, list[float]] = {}
    fields = (runs[name].tolist() for name in ("task", "schedule", "sparsity", "accuracy"))
    for task, schedule, sparsity, accuracy in zip(*fields, strict=True):
        found.setdefault((task, schedule, round(sparsity, 9)), []).append(accuracy)
    return {key: np.array(values)[:, None] for key, values in found.items() if len(values) == entry.num_models}


def _overlaps(mine: Mapping[CellKey, Predictions], theirs: Mapping[CellKey, Predictions]) -> dict[CellKey, Overlap]:
    found: dict[CellKey, Overlap] = {}
    for key in sorted(mine.keys() & theirs.keys()):
        dense = key[0], DENSE, 0.0
        if key[1] != DENSE and dense in mine and dense in theirs:
            sets = [_pies(side[dense], side[key]) for side in (mine, theirs)]
            found[key] = overlap(sets[0], sets[1])
    return found


def _pies(dense: Predictions, sparse: Predictions) -> NDArray[np.bool_]:
    return dense.modal != sparse.modal


def _same_examples(first: Predictions, second: Predictions) -> bool:
    return np.array_equal(first.label_N, second.label_N)


def device_hours(per_model_s: Sequence[float], more: int) -> float:
    """Cost of training `more` models of every submission, at the seconds per model seen so far, in hours."""
    return sum(per_model_s) * more / 3600
