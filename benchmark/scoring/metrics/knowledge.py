"""Knowledge kept: how much of what training added is still there after pruning, measured from untrained encoders.

With the accuracies `a_s` of pruned, `a_0` of dense and `f_0` of untrained dense models, through the same linear probe,
`knowledge kept = (a_s - f_0) / (a_0 - f_0)`: 1 where nothing is lost, 0 where the pruned model knows no more than an
untrained one, negative below. Beside it, in points, `above floor = 100 (a_s - f_s)`, where `f_s` are untrained encoders
pruned alike: the same share of weights, by the same criterion and allocation, at once. Nothing is divided by `f_s`,
which may fall close to chance.

Undefined, with this reason, where the dense models know no more than untrained ones: where the lower bound of `a_0`
reaches `f_0`. A ratio of nothing would reward knowing nothing.

It owns the numbers of one cell; that of a whole submission is `robustness/knowledge_kept`. It prunes and reads nothing:
`benchmark.scoring.reading.floor_reader` does.

Shapes: K models, N test images.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import CellMetric, CellView, Column, Estimate
from benchmark.scoring.metric_names import ABOVE_FLOOR, KNOWLEDGE_KEPT, PROBE_PREDICTION
from benchmark.spec import Evaluation

Doubles = NDArray[np.float64]


def knowledge_kept(pruned_K: Doubles, dense_K: Doubles, floor_K: Doubles, confidence: float) -> Estimate:
    """Return the share of what training added that is kept, with a t interval over models.

    For the interval the ratio `r` is linearised: model k stands for
    `r + ((a_sk - f_k) - r (a_0k - f_k)) / (a_0 - f_0)` (delta method).

    Args:
        pruned_K: float64 (K,), accuracies of the pruned models.
        dense_K: the same of the dense models that they descend from.
        floor_K: the same of the untrained encoders of the same seeds.
        confidence: nominal coverage, in (0, 1).

    Returns:
        Undefined where the lower bound of the mean of `dense_K`, or its value where it has no bounds, is at most the
        mean of `floor_K`.

    Example:
        >>> three = [np.array(each) for each in ([0.6, 0.6], [0.8, 0.8], [0.4, 0.4])]
        >>> round(knowledge_kept(*three, confidence=0.95).value, 3)
        0.5
    """
    if not len(dense_K):
        return Estimate(value=None)
    dense, floor = Estimate.over_models(dense_K, confidence), float(floor_K.mean())
    lowest = dense.value if dense.low is None else dense.low
    if lowest is None or lowest <= floor:
        return Estimate(value=None)
    learned = float(dense_K.mean()) - floor
    kept = (float(pruned_K.mean()) - floor) / learned
    linearised_K = kept + ((pruned_K - floor_K) - kept * (dense_K - floor_K)) / learned
    return Estimate.over_models(linearised_K, confidence)


def _measure(view: CellView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Compare a cell with untrained encoders of the same seeds; nothing where they were not read."""
    if view.floor is None:
        return {}
    pruned_K, dense_K = (
        (population.examples[PROBE_PREDICTION] == view.test_labels).mean(axis=1)
        for population in (view.sparse, view.dense)
    )
    confidence = evaluation.bootstrap.confidence
    return {
        KNOWLEDGE_KEPT: knowledge_kept(pruned_K, dense_K, view.floor.dense_K, confidence),
        ABOVE_FLOOR: Estimate.over_models(100 * (pruned_K - view.floor.pruned_K), confidence),
    }


METRIC = CellMetric(
    name="knowledge",
    measure=_measure,
    columns=(
        Column(
            name=KNOWLEDGE_KEPT,
            title="Knowledge kept",
            better="higher",
            description="Share of what training added to an untrained encoder's accuracy that is still there after "
            "pruning; 1 is all, 0 is no more than untrained, negative is less; undefined where the dense models know "
            "no more than untrained ones. The interval is over models only.",
        ),
        Column(
            name=ABOVE_FLOOR,
            title="Above untrained",
            unit="points",
            better="higher",
            description="Accuracy in percentage points above untrained encoders that are pruned alike; the interval is "
            "over models only.",
        ),
    ),
)
