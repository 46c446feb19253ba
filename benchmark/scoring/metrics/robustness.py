"""The robustness score, which ranks: area under chance-corrected accuracy over log2 compression; retention beside it.

With `a_j = (accuracy_j - 1/C) / (1 - 1/C)` at sparsity s_j and `x_j = log2(1 / (1 - s_j))`, the score of a schedule is
`sum_j (a_j + a_{j+1}) (x_{j+1} - x_j) / 2`, divided by `x_J - x_1`; that of a submission averages the ranked schedules
(`benchmark.scoring.score_math`, which the leaderboard uses too).

It owns the score, its variants and their intervals. It refuses to score an incomplete grid: a missing cell or model
gives None for whatever would have needed it, never an average over what is left.

Shapes: J sparsities, K models, N test examples, C classes, S statistics, R bootstrap draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import Column, Estimate, GridMetric, GridView, Population
from benchmark.scoring.metric_names import (
    PROBE_PREDICTION,
    ROBUSTNESS_DENSE,
    ROBUSTNESS_KNOWLEDGE_KEPT,
    ROBUSTNESS_RETENTION,
    ROBUSTNESS_SCORE,
    ROBUSTNESS_SCORE_HIGH,
)
from benchmark.scoring.score_math import Interval, area_over_compression, chance_corrected, t_interval
from benchmark.scoring.statistics.bootstrap import bootstrap_draws, percentile_interval
from benchmark.spec import BootstrapSpec, Evaluation

Doubles = NDArray[np.float64]

HIGH_SPARSITY = Decimal("0.9")
"""Where the variant that looks at hard pruning alone begins."""

FEW_MODELS = 30
"""Below this many models the bootstrap alone under-covers (.91 instead of .95 at 10 models that differ much: decision
5), so the wider of it and a t interval over models is given."""

FLOOR = "floor"
"""Name of the untrained encoders among the statistics that are resampled together."""

MODEL_RESAMPLING = 0
"""Name of the resampling of models in single-submission intervals."""


def _measure(grid: GridView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Score the grid; formulas in `METRIC.columns`, intervals in `_estimates`."""
    high = tuple(sparsity for sparsity in grid.sparsities if sparsity >= HIGH_SPARSITY)
    stacks: dict[str, Doubles | None] = {ROBUSTNESS_DENSE: _correctness(grid, grid.dense)}
    for schedule in grid.ranked_schedules:
        stacks[f"{ROBUSTNESS_SCORE}:{schedule}"] = _area(grid, schedule, grid.sparsities)
    stacks[ROBUSTNESS_SCORE] = _mean_matrix([stacks[f"{ROBUSTNESS_SCORE}:{name}"] for name in grid.ranked_schedules])
    if grid.floor_KN is not None:
        stacks[FLOOR] = grid.floor_KN.astype(np.float64)
    stacks[ROBUSTNESS_SCORE_HIGH] = _mean_matrix([_area(grid, name, high) for name in grid.ranked_schedules])

    measured = {name: values_KN for name, values_KN in stacks.items() if values_KN is not None}
    ratios = [ROBUSTNESS_RETENTION, *([ROBUSTNESS_KNOWLEDGE_KEPT] if FLOOR in stacks else [])]
    undefined = dict.fromkeys([*stacks, *ratios], Estimate(value=None))
    found = undefined | _estimates(measured, grid.num_classes, evaluation.bootstrap)
    return {name: estimate for name, estimate in found.items() if name != FLOOR}


def _correctness(grid: GridView, population: Population) -> Doubles | None:
    """Return 1 where a model is right, float64 (K, N); None where it has other models than the dense population."""
    prediction_KN = population.examples[PROBE_PREDICTION]
    if len(prediction_KN) != len(grid.dense.examples[PROBE_PREDICTION]) or not len(prediction_KN):
        return None
    return (prediction_KN == grid.test_labels).astype(np.float64)


def _area(grid: GridView, schedule: str, sparsities: Sequence[Decimal]) -> Doubles | None:
    """Collapse a schedule to one matrix whose mean is its area: the score is linear in who got which example right."""
    if len(sparsities) < 2 or any((schedule, sparsity) not in grid.cells for sparsity in sparsities):
        return None
    matrices = [_correctness(grid, grid.cells[schedule, sparsity]) for sparsity in sparsities]
    complete = [matrix_KN for matrix_KN in matrices if matrix_KN is not None]
    if len(complete) < len(matrices):
        return None
    return area_over_compression(sparsities, np.stack(complete))


def _mean_matrix(matrices: Sequence[Doubles | None]) -> Doubles | None:
    complete = [matrix_KN for matrix_KN in matrices if matrix_KN is not None]
    return np.mean(complete, axis=0) if complete and len(complete) == len(matrices) else None


def _estimates(stacks: Mapping[str, Doubles], num_classes: int, settings: BootstrapSpec) -> dict[str, Estimate]:
    """Return every statistic with its interval, and retention, all from the same bootstrap draws.

    The interval is the percentile bootstrap over models and test examples together, each model beside the dense model
    it descends from; below `FEW_MODELS` models the wider of it and the t interval over models. Scores are cut to the
    possible range [-1 / (C - 1), 1].
    """
    if not stacks:
        return {}
    values_SKN, chance = np.stack(list(stacks.values())), 1 / num_classes
    means_SK = chance_corrected(values_SKN.mean(axis=2), chance)
    draws_RS = chance_corrected(bootstrap_draws(values_SKN, settings.draws, MODEL_RESAMPLING), chance)
    estimates: dict[str, Estimate] = {}
    for name, means_K, draws_R in zip(stacks, means_SK, draws_RS.T, strict=True):
        interval = _wider(percentile_interval(draws_R, settings.confidence), means_K, settings.confidence)
        lowest = -1 / (num_classes - 1)
        low, high = interval.clipped(lowest, 1)
        value = min(max(float(means_K.mean()), lowest), 1.0)  # rounding may leave the range by 1e-16
        estimates[name] = Estimate(value=value, low=low, high=high)
    columns = dict(zip(stacks, range(len(stacks)), strict=True))
    if {ROBUSTNESS_SCORE, ROBUSTNESS_DENSE} <= columns.keys():
        score, dense = columns[ROBUSTNESS_SCORE], columns[ROBUSTNESS_DENSE]
        estimates[ROBUSTNESS_RETENTION] = _ratio(means_SK[[score, dense]], draws_RS[:, [score, dense]], settings)
        if FLOOR in columns:
            both, floor = [score, dense], columns[FLOOR]
            low, untrained = estimates[ROBUSTNESS_DENSE].low, float(means_SK[floor].mean())
            defined = low is not None and low > untrained
            estimates[ROBUSTNESS_KNOWLEDGE_KEPT] = Estimate(value=None) if not defined else _ratio(
                means_SK[both] - means_SK[floor], draws_RS[:, both] - draws_RS[:, [floor]], settings
            )
    return estimates


def _ratio(means_2K: Doubles, draws_R2: Doubles, settings: BootstrapSpec) -> Estimate:
    """Estimate numerator over denominator; None unless the denominator is positive, no bounds where a draw is not.

    For the t interval the ratio is linearised, `r + (a_k - r b_k) / mean(b)` standing for model k (delta method).
    """
    numerator_K, denominator_K = means_2K
    if denominator_K.mean() <= 0:
        return Estimate(value=None)
    ratio = float(numerator_K.mean() / denominator_K.mean())
    if (draws_R2[:, 1] <= 0).any():
        return Estimate(value=ratio)
    linearised_K = ratio + (numerator_K - ratio * denominator_K) / denominator_K.mean()
    bootstrap = percentile_interval(draws_R2[:, 0] / draws_R2[:, 1], settings.confidence)
    interval = _wider(bootstrap, linearised_K, settings.confidence)
    return Estimate(value=ratio, low=interval.low, high=interval.high)


def _wider(bootstrap: Interval, means_K: Doubles, confidence: float) -> Interval:
    """Choose between the bootstrap and, with few models, the t interval over models, by width."""
    student = t_interval(means_K, confidence) if len(means_K) < FEW_MODELS else None
    return student if student is not None and student.width > bootstrap.width else bootstrap


def _column(name: str, title: str, description: str) -> Column:
    return Column(name=f"robustness/{name}", title=title, better="higher", description=description)


METRIC = GridMetric(
    name="robustness",
    measure=_measure,
    columns=(
        _column(
            "score",
            "Robustness",
            "Area under chance-corrected linear-probe accuracy over log2(1 / (1 - sparsity)), from the smallest to the "
            "largest pruned sparsity, divided by that width, averaged over ranked schedules; at most 1, guessing is 0.",
        ),
        _column(
            "score_high",
            "Robustness from .9",
            "The robustness score over sparsities of at least 0.9 alone; undefined with fewer than two of them.",
        ),
        _column(
            "dense", "Dense", "Linear-probe accuracy of the dense models, chance-corrected; at most 1, guessing is 0."
        ),
        _column(
            "retention",
            "Retention",
            "Robustness score divided by chance-corrected dense accuracy; undefined where the dense models know no "
            "more than chance.",
        ),
        _column(
            "knowledge_kept",
            "Knowledge kept",
            "Robustness score less the chance-corrected accuracy of untrained encoders, divided by dense accuracy less "
            "the same: the share of what training added that pruning leaves; 0 is no more than untrained, negative "
            "less; undefined where the interval of dense accuracy reaches that of untrained encoders.",
        ),
        _column(
            "score:<schedule>", "Robustness of a schedule", "The robustness score of one ranked schedule; at most 1."
        ),
    ),
)
