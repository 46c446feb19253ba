"""Prune potential: how far a network can be pruned before its error grows noticeably, clean and under corruption.

It owns the reading of a threshold off error curves. It refuses to extrapolate beyond the grid: a curve that never
crosses has the largest sparsity of the grid as its potential.

Shapes: J sparsities, K models, N test examples, R bootstrap draws or other readings of one curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import Column, Estimate, GridMetric, GridView, Population
from benchmark.scoring.metric_names import CORRUPTION_ACCURACY, CORRUPTION_CORRECT, PROBE_PREDICTION
from benchmark.scoring.statistics.bootstrap import bootstrap_draws, percentile_interval
from benchmark.spec import BootstrapSpec, Evaluation

Doubles = NDArray[np.float64]
Correctness = Callable[[GridView, Population], Doubles]

MARGIN = 0.005
"""Error allowed beyond the dense models': half a percentage point."""

MODEL_RESAMPLING = 0
"""Name of the resampling of models in single-submission intervals."""


def prune_potential(dense_R: Doubles, pruned_RJ: Doubles, sparsities: Sequence[Decimal]) -> Doubles:
    """Return the largest sparsity at which error is at most the dense error plus `MARGIN`, for R curves at once.

    The curve runs through (0, dense error) and (s_j, error_j), linear over sparsity in between. Where it crosses the
    threshold more than once, the last crossing counts, since the *largest* such sparsity is asked for.

    Args:
        dense_R: float64 (R,), errors of the dense models, in [0, 1].
        pruned_RJ: float64 (R, J), errors at the pruned sparsities.
        sparsities: (J,), strictly increasing, in (0, 1).

    Returns:
        float64 (R,), in [0, s_J]; s_J where even the sparsest models are good enough, and just above 0 where
        the mildest pruning costs much more than the margin.

    Source:
        Liebenwein et al. 2021 (arXiv 2103.03014; unverified): the maximal prune ratio whose error exceeds the dense
        network's on the same distribution by at most delta, here 0.5 points. Deviation: interpolated between ratios.

    Example:
        >>> errors = np.array([[0.1, 0.11]])
        >>> prune_potential(np.array([0.1]), errors, [Decimal("0.5"), Decimal("0.9")]).round(6).tolist()
        [0.7]
    """
    at_J = np.array([0.0, *map(float, sparsities)])
    excess_RJ = np.column_stack([np.full(len(dense_R), -MARGIN), pruned_RJ - dense_R[:, None] - MARGIN])
    # The last point that is good enough; the dense one always is.
    last_R = excess_RJ.shape[1] - 1 - (excess_RJ[:, ::-1] <= 0).argmax(axis=1)
    next_R = np.minimum(last_R + 1, len(at_J) - 1)
    rows_R = np.arange(len(dense_R))
    here_R, there_R = excess_RJ[rows_R, last_R], excess_RJ[rows_R, next_R]
    rise_R = np.where(next_R > last_R, there_R - here_R, 1.0)
    return at_J[last_R] - here_R / rise_R * (at_J[next_R] - at_J[last_R])


def _measure(grid: GridView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Read the potential of every ranked schedule, clean and under corruption where that was measured.

    Errors are means over models and examples. Intervals are percentile bootstraps over both, the same draws for all
    cells; with few models they are too narrow, and no t interval can widen them: one model's potential means little.
    None where a cell or a model is missing. Potentials of single corruptions have no interval.
    """
    estimates = _potentials(grid, "clean", _clean, evaluation.bootstrap)
    populations = [grid.dense, *grid.cells.values()]
    if all(CORRUPTION_CORRECT in population.examples for population in populations):
        estimates |= _potentials(grid, "corrupted", _corrupted, evaluation.bootstrap)
    for name in grid.dense.values:
        if name.startswith(CORRUPTION_ACCURACY) and all(name in population.values for population in populations):
            corruption = name.removeprefix(CORRUPTION_ACCURACY)
            estimates[f"prune_potential/corruption:{corruption}"] = _of_corruption(grid, name)
    return estimates


def _clean(grid: GridView, population: Population) -> Doubles:
    return (population.examples[PROBE_PREDICTION] == grid.test_labels).astype(np.float64)


def _corrupted(grid: GridView, population: Population) -> Doubles:
    return population.examples[CORRUPTION_CORRECT].astype(np.float64)


def _potentials(grid: GridView, kind: str, correctness: Correctness, settings: BootstrapSpec) -> dict[str, Estimate]:
    """Return the potential of every ranked schedule under `kind:<schedule>` and their mean under `kind`."""
    names = {schedule: f"prune_potential/{kind}:{schedule}" for schedule in grid.ranked_schedules}
    undefined = dict.fromkeys([f"prune_potential/{kind}", *names.values()], Estimate(value=None))
    complete = [schedule for schedule in grid.ranked_schedules if _is_complete(grid, schedule)]
    if not complete:
        return undefined
    cells = [grid.cells[schedule, sparsity] for schedule in complete for sparsity in grid.sparsities]
    error_SKN = 1 - np.stack([correctness(grid, population) for population in (grid.dense, *cells)])
    draws_RS = bootstrap_draws(error_SKN, settings.draws, MODEL_RESAMPLING)
    means_RS = np.vstack([error_SKN.mean(axis=(1, 2)), draws_RS])
    curves_RTJ = means_RS[:, 1:].reshape(len(means_RS), len(complete), -1)
    potentials = {
        schedule: prune_potential(means_RS[:, 0], curves_RTJ[:, position], grid.sparsities)
        for position, schedule in enumerate(complete)
    }
    found = {names[schedule]: _estimate(readings_R, settings) for schedule, readings_R in potentials.items()}
    if len(complete) == len(grid.ranked_schedules):
        found[f"prune_potential/{kind}"] = _estimate(np.mean(list(potentials.values()), axis=0), settings)
    return undefined | found


def _estimate(readings_R: Doubles, settings: BootstrapSpec) -> Estimate:
    """The first reading is of the data itself, the others of bootstrap draws."""
    interval = percentile_interval(readings_R[1:], settings.confidence)
    return Estimate(value=float(readings_R[0]), low=interval.low, high=interval.high)


def _of_corruption(grid: GridView, name: str) -> Estimate:
    """Average the potential under one corruption over ranked schedules."""
    if not all(_is_complete(grid, schedule) for schedule in grid.ranked_schedules):
        return Estimate(value=None)
    dense_T = np.full(len(grid.ranked_schedules), 1 - float(grid.dense.values[name].mean()))
    curves_TJ = [
        [1 - float(grid.cells[schedule, sparsity].values[name].mean()) for sparsity in grid.sparsities]
        for schedule in grid.ranked_schedules
    ]
    return Estimate(value=float(prune_potential(dense_T, np.array(curves_TJ), grid.sparsities).mean()))


def _is_complete(grid: GridView, schedule: str) -> bool:
    """Whether every sparsity of a schedule was read, with as many models as the dense population has."""
    num_models = len(grid.dense.examples[PROBE_PREDICTION])
    cells = [grid.cells.get((schedule, sparsity)) for sparsity in grid.sparsities]
    sizes = {0 if cell is None else len(cell.examples[PROBE_PREDICTION]) for cell in cells}
    return num_models > 0 and sizes <= {num_models}


def _column(name: str, title: str, description: str) -> Column:
    return Column(name=f"prune_potential/{name}", title=title, better="higher", description=description)


METRIC = GridMetric(
    name="prune_potential",
    measure=_measure,
    columns=(
        _column(
            "clean",
            "Prune potential",
            "Largest sparsity at which the linear probe's error is at most half a percentage point above the dense "
            "models', interpolated over sparsity, averaged over ranked schedules; from 0 to the largest of the grid.",
        ),
        _column("clean:<schedule>", "Prune potential of a schedule", "The prune potential of one ranked schedule."),
        _column(
            "corrupted",
            "Prune potential, corrupted",
            "The prune potential where errors are means over corrupted test images, averaged over ranked schedules.",
        ),
        _column(
            "corrupted:<schedule>",
            "Prune potential of a schedule, corrupted",
            "The prune potential of one ranked schedule on corrupted test images.",
        ),
        _column(
            "corruption:<corruption>",
            "Prune potential under a corruption",
            "The prune potential under one corruption, over its five severities, averaged over ranked schedules.",
        ),
    ),
)
