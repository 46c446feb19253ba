"""What other probes would have said: the linear probe at a tenth and ten times its penalty, and nearest neighbours.

It owns the accuracies at the two other penalties, fitted while the features are at hand, and the robustness score that
each other probe gives. Whether an order of submissions survives them is for a board to say.

Shapes: J sparsities, K models.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import (
    FINAL_FEATURES,
    Column,
    Estimate,
    GridMetric,
    GridView,
    ModelMetric,
    ModelView,
    Outcome,
)
from benchmark.scoring.metric_names import KNN_ACCURACY, KNN_SCORE, PENALTY_ACCURACY, PENALTY_SCORE
from benchmark.scoring.probes.linear_probe import fit_linear_probe, probe_of
from benchmark.scoring.score_math import area_over_compression, chance_corrected
from benchmark.spec import Evaluation

STEP = 10.0
"""Factor between one penalty and the next."""

LOOSER = 100.0
"""How much looser than that of the benchmark's probe the tolerance is. Both fits start from it, close to their minimum,
and a tighter one takes four times as long on digits for the same predictions."""


def other_penalties(l2: float) -> dict[str, float]:
    """Return the two other penalties by name, the larger one first.

    Example:
        >>> other_penalties(1e-3)
        {'0.01': 0.01, '0.0001': 0.0001}
    """
    return {f"{penalty:g}": penalty for penalty in (l2 * STEP, l2 / STEP)}


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    """Fit the probe at the other penalties, from the fitted one on."""
    settings = evaluation.linear
    fitted = probe_of(view, settings)
    found: dict[str, float] = {}
    for name, penalty in other_penalties(settings.l2).items():
        probe = fit_linear_probe(
            view.train[FINAL_FEATURES], view.train_labels, view.num_classes, penalty, settings.tolerance * LOOSER,
            view.compute, fitted,
        )  # fmt: skip
        predicted_N = probe.predict(view.test[FINAL_FEATURES])
        found[f"{PENALTY_ACCURACY}:{name}"] = float((predicted_N == view.test_labels).mean())
    return Outcome(found)


def score_by(grid: GridView, accuracy: str) -> NDArray[np.float64] | None:
    """Return the robustness score of every model through another probe, float64 (K,).

    Args:
        grid: all cells of a task.
        accuracy: name of the accuracy of that probe; None is returned where a ranked cell lacks it.
    """
    areas: list[NDArray[np.float64]] = []
    for schedule in grid.ranked_schedules:
        cells = [grid.cells[schedule, sparsity].values.get(accuracy) for sparsity in grid.sparsities]
        accuracy_JK = [each for each in cells if each is not None]
        if len(accuracy_JK) < len(cells):
            return None
        heights_JK = chance_corrected(np.stack(accuracy_JK), 1 / grid.num_classes)
        areas.append(area_over_compression(grid.sparsities, heights_JK))
    return np.mean(areas, axis=0) if areas else None


def _summarise(grid: GridView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Score the grid through every other probe that was measured."""
    of = {f"{PENALTY_SCORE}:{name}": f"{PENALTY_ACCURACY}:{name}" for name in other_penalties(evaluation.linear.l2)}
    scores = {name: score_by(grid, accuracy) for name, accuracy in {**of, KNN_SCORE: KNN_ACCURACY}.items()}
    confidence = evaluation.bootstrap.confidence
    return {name: Estimate.over_models(each_K, confidence) for name, each_K in scores.items() if each_K is not None}


METRIC = ModelMetric(
    name="penalty",
    version=1,
    settings=lambda evaluation: evaluation.linear,
    measure=_measure,
    columns=(
        Column(
            name=PENALTY_ACCURACY,
            title="Accuracy at another penalty",
            better="higher",
            description="Share of test images that a linear probe with ten times, or a tenth, of the penalty "
            "classifies correctly, in [0, 1]; the penalty stands behind the colon.",
        ),
    ),
)

GRID_METRIC = GridMetric(
    name="other_probes",
    measure=_summarise,
    columns=(
        Column(
            name=PENALTY_SCORE,
            title="Robustness at another penalty",
            better="higher",
            description="The robustness score through a linear probe with ten times, or a tenth, of the penalty; the "
            "penalty stands behind the colon. The interval is over models only.",
        ),
        Column(
            name=KNN_SCORE,
            title="Robustness by kNN",
            better="higher",
            description="The robustness score with a vote of the nearest training images in place of the linear probe. "
            "The interval is over models only.",
        ),
    ),
)
