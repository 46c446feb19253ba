"""How much predictions change beyond their mode: Taxicab CIE, churn, and how far two PIE sets are the same images.

It owns these comparisons of populations. It refuses to look at true labels.

Shapes: K models, N test examples, C classes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import CellMetric, CellView, Column, Estimate, GridMetric, GridView
from benchmark.scoring.metric_names import PROBE_PREDICTION
from benchmark.scoring.metrics.pies import published_pies
from benchmark.scoring.score_math import jaccard_by_chance, label_histogram
from benchmark.spec import Evaluation

CHUNK_EXAMPLES = 16_384
"""Examples whose label histograms are in memory together."""


def taxicab_cie(
    dense_prediction_KN: NDArray[Any], sparse_prediction_KN: NDArray[Any], num_classes: int
) -> NDArray[np.int64]:
    """Return the L1 distance between the two populations' label histograms of every example, in models.

    `sum_c | #{k : f_k^0(x_i) = c} - #{k : f_k^s(x_i) = c} |`, int64 (N,), in [0, 2K]: even for populations of one size.
    It grows with K: never compare across K.

    Args:
        dense_prediction_KN: integer (K, N), predictions in [0, C).
        sparse_prediction_KN: integer (K, N).
        num_classes: C.

    Source:
        Hooker et al. 2020 (arXiv 2010.03058).

    Example:
        >>> taxicab_cie(np.array([[0, 1], [0, 2]]), np.array([[0, 1], [1, 1]]), 3).tolist()
        [2, 2]
    """
    distance_N = np.empty(dense_prediction_KN.shape[1], np.int64)
    for start in range(0, len(distance_N), CHUNK_EXAMPLES):
        part = slice(start, start + CHUNK_EXAMPLES)
        dense_nC, sparse_nC = (
            label_histogram(prediction_KN[:, part], num_classes)
            for prediction_KN in (dense_prediction_KN, sparse_prediction_KN)
        )
        distance_N[part] = np.abs(dense_nC - sparse_nC).sum(axis=1)
    return distance_N


def churn(dense_prediction_KN: NDArray[Any], sparse_prediction_KN: NDArray[Any]) -> NDArray[np.float64]:
    """Return `mean_i 1[f_k^0(x_i) != f_k^s(x_i)]` for every model k and its parent, float64 (K,), in [0, 1].

    Example:
        >>> churn(np.array([[0, 1], [0, 2]]), np.array([[0, 1], [1, 2]])).tolist()
        [0.0, 0.5]
    """
    return (dense_prediction_KN != sparse_prediction_KN).mean(axis=1)


@dataclass(frozen=True)
class Overlap:
    """How far two sets of examples are the same, beside what chance would give.

    Attributes:
        intersection: number of examples in both.
        expected_intersection: `n1 n2 / N`, its mean if the sets were drawn independently of each other.
        jaccard: intersection over union, in [0, 1]; NaN where both sets are empty.
        expected_jaccard: mean of the overlap of sets drawn independently, `sum_m P(m) m / (n1 + n2 - m)` with m
            hypergeometric; NaN where both sets are empty. The ratio of the means is half of it for sets of 1.
    """

    intersection: int
    expected_intersection: float
    jaccard: float
    expected_jaccard: float


def jaccard_overlap(first_N: NDArray[np.bool_], second_N: NDArray[np.bool_]) -> Overlap:
    """Compare the PIE sets of two (method, schedule) cells on the same test examples.

    Args:
        first_N: bool (N,), membership of the first set.
        second_N: bool (N,), membership of the second.

    Raises:
        ValueError: if the sets are not over the same examples.

    Example:
        >>> found = jaccard_overlap(np.array([1, 1, 1, 0, 0, 0], bool), np.array([1, 1, 0, 1, 0, 0], bool))
        >>> found.intersection, found.expected_intersection, found.jaccard, round(found.expected_jaccard, 3)
        (2, 1.5, 0.5, 0.365)
    """
    if first_N.shape != second_N.shape or not len(first_N):
        raise ValueError(f"overlap: expected two sets over the same examples, got {first_N.shape}, {second_N.shape}")
    size_first, size_second = int(first_N.sum()), int(second_N.sum())
    shared = int((first_N & second_N).sum())
    expected = size_first * size_second / len(first_N)
    total = size_first + size_second
    if not total:
        return Overlap(0, 0.0, math.nan, math.nan)
    by_chance = jaccard_by_chance(size_first, size_second, len(first_N))
    return Overlap(shared, expected, shared / (total - shared), by_chance)


def _measure(cell: CellView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    dense_KN, sparse_KN = cell.dense.examples[PROBE_PREDICTION], cell.sparse.examples[PROBE_PREDICTION]
    taxicab_N = taxicab_cie(dense_KN, sparse_KN, cell.num_classes)
    return {
        "label_change/taxicab": Estimate(value=float(taxicab_N.mean())),
        "label_change/churn": Estimate.over_models(churn(dense_KN, sparse_KN), evaluation.bootstrap.confidence),
    }


def _measure_grid(grid: GridView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Average over all pairs of ranked schedules at equal sparsity; pairs without any PIE are left out."""
    dense_KN = grid.dense.examples[PROBE_PREDICTION]
    found: list[Overlap] = []
    for sparsity in grid.sparsities:
        sets = [
            published_pies(dense_KN, grid.cells[schedule, sparsity].examples[PROBE_PREDICTION], grid.num_classes)
            for schedule in grid.ranked_schedules
            if (schedule, sparsity) in grid.cells
        ]
        found += [jaccard_overlap(first, second) for first, second in itertools.combinations(sets, 2)]
    defined = [each for each in found if not math.isnan(each.jaccard)]
    if not defined:
        return dict.fromkeys(("pie_overlap/jaccard", "pie_overlap/chance"), Estimate(value=None))
    return {
        "pie_overlap/jaccard": Estimate(value=float(np.mean([each.jaccard for each in defined]))),
        "pie_overlap/chance": Estimate(value=float(np.mean([each.expected_jaccard for each in defined]))),
    }


METRIC = CellMetric(
    name="label_change",
    measure=_measure,
    columns=(
        Column(
            name="label_change/taxicab",
            title="Taxicab CIE",
            unit="models",
            better="lower",
            description="Mean L1 distance between the label histograms of the dense and the pruned population, from 0 "
            "to twice the number of models; compare only populations of equal size.",
        ),
        Column(
            name="label_change/churn",
            title="Churn",
            better="lower",
            description="Share of test images that a pruned model classifies differently from its dense parent, right "
            "or wrong, in [0, 1].",
        ),
    ),
)

PIE_OVERLAP = GridMetric(
    name="pie_overlap",
    version=2,
    measure=_measure_grid,
    columns=(
        Column(
            name="pie_overlap/jaccard",
            title="PIE overlap",
            better="neither",
            description="Mean Jaccard overlap of the PIE sets of two ranked schedules at equal sparsity, in [0, 1].",
        ),
        Column(
            name="pie_overlap/chance",
            title="PIE overlap by chance",
            better="neither",
            description="The Jaccard overlap that sets of these sizes would have if they were unrelated.",
        ),
    ),
)
