"""A per-example outcome, read apart on Pruning Identified Exemplars and elsewhere, pruned beside dense.

It owns the split and its averages. It refuses to decide what a PIE is (`pies`) or what the outcome means.

Shapes: K models, N test examples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import CellView, Estimate
from benchmark.scoring.metric_names import PROBE_PREDICTION
from benchmark.scoring.metrics.pies import published_pies

Doubles = NDArray[np.float64]


def split_by_pie(cell: CellView, name: str, confidence: float) -> dict[str, Estimate]:
    """Average a per-example outcome over models and examples, on PIEs and elsewhere.

    Each number is the mean over models of the model's mean over examples where its outcome is defined (not NaN), with
    a t interval over models. It is None where some model has no defined outcome, as on PIEs where there are none.

    Args:
        cell: a cell beside its dense population, with the linear probe's predictions in both.
        name: which per-example outcome, (K, N) in each population.
        confidence: nominal coverage of the intervals.

    Returns:
        `shift`: all examples, pruned minus dense, paired by seed; `pie`, `not_pie`: pruned models; `dense_pie`,
        `dense_not_pie`: dense models. Nothing where a population lacks the outcome, as packed outcomes may.
    """
    populations = (cell.dense, cell.sparse)
    if any(name not in population.examples for population in populations):
        return {}
    before_KN, after_KN = (population.examples[PROBE_PREDICTION] for population in populations)
    pie_N = published_pies(before_KN, after_KN, cell.num_classes)
    dense_KN, sparse_KN = (population.examples[name].astype(np.float64) for population in populations)
    everywhere_N = np.ones_like(pie_N)
    return {
        "shift": Estimate.over_models(_means(sparse_KN, everywhere_N) - _means(dense_KN, everywhere_N), confidence),
        "pie": Estimate.over_models(_means(sparse_KN, pie_N), confidence),
        "not_pie": Estimate.over_models(_means(sparse_KN, ~pie_N), confidence),
        "dense_pie": Estimate.over_models(_means(dense_KN, pie_N), confidence),
        "dense_not_pie": Estimate.over_models(_means(dense_KN, ~pie_N), confidence),
    }


def _means(values_KN: Doubles, where_N: NDArray[np.bool_]) -> Doubles:
    """Mean per model over the examples in `where_N` on which it is defined, (K,); NaN where there is none."""
    counted_KN = where_N & ~np.isnan(values_KN)
    counts_K = counted_KN.sum(axis=1)
    sums_K = np.where(counted_KN, values_KN, 0.0).sum(axis=1)
    return np.divide(sums_K, counts_K, out=np.full(len(counts_K), np.nan), where=counts_K > 0)
