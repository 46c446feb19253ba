"""Pruning Identified Exemplars: which test examples pruning changes the modal prediction of, beside a noise floor.

It owns modes and the PIE rates. It refuses to look at true labels: a PIE is a
change of the population's mind, right or wrong.

Shapes: K models, N test examples, C classes, H = floor(K / 2) models of a half, T splits; U labels that somebody
predicted for an example, U <= min(C, 2K); n the examples of one block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import CellMetric, CellView, Column, Estimate
from benchmark.scoring.metric_names import EXCESS_PIE, PROBE_PREDICTION
from benchmark.scoring.score_math import label_histogram, modal_labels, t_quantile
from benchmark.scoring.statistics.halves import Halves, jackknife_variance
from benchmark.spec import Evaluation

Predictions = NDArray[Any]
Doubles = NDArray[np.float64]

BLOCK_EXAMPLES, BLOCK_BYTES = 512, 16 * 2**20
"""Working memory: examples read together, and bytes of one half's histograms for them."""


def published_pies(
    dense_prediction_KN: Predictions, sparse_prediction_KN: Predictions, num_classes: int
) -> NDArray[np.bool_]:
    """Mark the Pruning Identified Exemplars: `mode_k f_k^0(x_i) != mode_k f_k^s(x_i)`, ties to the lowest class.

    Args:
        dense_prediction_KN: integer (K, N), predicted classes in [0, C) of the dense population.
        sparse_prediction_KN: integer (K', N), of the pruned population.
        num_classes: C.

    Returns:
        bool (N,).

    Source:
        Hooker et al. 2019 (arXiv 1911.05248), definition of PIE. The paper leaves ties open: its code takes the highest
        class, that of Corti et al. 2022 the lowest, as here; `tied_modes` says for which examples it matters.

    Example:
        >>> dense, sparse = np.array([[0, 1], [0, 2], [1, 2]]), np.array([[0, 1], [1, 1], [1, 2]])
        >>> published_pies(dense, sparse, num_classes=3).tolist()
        [True, True]
    """
    return modal_labels(dense_prediction_KN, num_classes) != modal_labels(sparse_prediction_KN, num_classes)


def tied_modes(prediction_KN: Predictions, num_classes: int) -> NDArray[np.bool_]:
    """Mark the examples, bool (N,), for which several classes are predicted equally often and most often."""
    counts_NC = label_histogram(prediction_KN, num_classes)
    return (counts_NC == counts_NC.max(axis=1, keepdims=True)).sum(axis=1) > 1


@dataclass(frozen=True)
class Disagreement:
    """How often the modes of two halves of a population differ, dense against dense and dense against pruned.

    Attributes:
        null_T, matched_T: float64 (T,), mean over examples, per split.
        null_N, matched_N: float64 (N,), mean over splits, per example.
    """

    null_T: Doubles
    matched_T: Doubles
    null_N: Doubles
    matched_N: Doubles


def disagreement(
    dense_prediction_KN: Predictions, sparse_prediction_KN: Predictions, num_classes: int, halves: Halves
) -> Disagreement:
    """Measure disagreement of disjoint halves, ties counted fractionally.

    With p the uniform distribution over the labels tied for the mode of a half, two halves disagree on an example by
    `1 - sum_c p_A(c) p_B(c)`. Null: dense A against dense B. Matched: dense A against pruned B and dense B against
    pruned A, averaged. Renaming classes changes neither.

    Args:
        dense_prediction_KN: integer (K, N), predicted classes in [0, C) of the dense population.
        sparse_prediction_KN: integer (K, N), of the pruned models that descend from them, in the same order.
        num_classes: C.
        halves: T >= 1 splits of the K models.
    """
    num_examples = dense_prediction_KN.shape[1]
    sums_2T, means_2N = np.zeros((2, len(halves.first_TK))), np.zeros((2, num_examples))
    for index_n, dense_KUn, sparse_KUn in _votes(dense_prediction_KN, sparse_prediction_KN, num_classes):
        chunk_splits = max(1, BLOCK_BYTES // dense_KUn[0].nbytes)
        for start in range(0, len(halves.first_TK), chunk_splits):
            chunk = slice(start, start + chunk_splits)
            pairs_2tn = _disagreement_of_block(halves.first_TK[chunk], halves.second_TK[chunk], dense_KUn, sparse_KUn)
            sums_2T[:, chunk] += pairs_2tn.sum(axis=2)
            means_2N[:, index_n] += pairs_2tn.sum(axis=1) / len(halves.first_TK)
    return Disagreement(*(sums_2T / num_examples), *means_2N)


def _votes(
    dense_KN: Predictions, sparse_KN: Predictions, num_classes: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]]:
    """Yield blocks of examples: their positions (n,), and one-hot votes (K, U, n) of both populations.

    Examples on which all models of both populations agree never disagree, so they are left out; the others are renamed
    to the few labels that somebody predicted. This is what makes 100 classes affordable.
    """
    both_KN = np.concatenate([dense_KN, sparse_KN]).astype(np.int64)
    used_NC = label_histogram(both_KN, num_classes) > 0
    renamed_NC = np.cumsum(used_NC, axis=1) - 1
    renamed_KN = renamed_NC[np.arange(both_KN.shape[1]), both_KN]
    num_labels_N = used_NC.sum(axis=1)
    order = np.argsort(num_labels_N, kind="stable")
    disputed = order[num_labels_N[order] > 1]
    for start in range(0, len(disputed), BLOCK_EXAMPLES):
        index_n = disputed[start : start + BLOCK_EXAMPLES]
        labels_U = np.arange(num_labels_N[index_n[-1]])
        votes_KUn = (renamed_KN[:, None, index_n] == labels_U[:, None]).astype(np.float32)
        yield index_n, votes_KUn[: len(dense_KN)], votes_KUn[len(dense_KN) :]


def _disagreement_of_block(
    first_tK: NDArray[np.float32], second_tK: NDArray[np.float32], dense_KUn: NDArray[Any], sparse_KUn: NDArray[Any]
) -> Doubles:
    """Return null and matched disagreement per split and example, (2, t, n)."""
    dense_first, dense_second = _modes(first_tK, dense_KUn), _modes(second_tK, dense_KUn)
    sparse_first, sparse_second = _modes(first_tK, sparse_KUn), _modes(second_tK, sparse_KUn)
    null_tn = 1 - _agreement(dense_first, dense_second)
    matched_tn = 1 - (_agreement(dense_first, sparse_second) + _agreement(dense_second, sparse_first)) / 2
    return np.stack([null_tn, matched_tn])


def _modes(members_tK: NDArray[np.float32], votes_KUn: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark the labels tied for the mode of every half, (t, U, n)."""
    counts_tUn = (members_tK @ votes_KUn.reshape(len(votes_KUn), -1)).reshape(-1, *votes_KUn.shape[1:])
    return counts_tUn == counts_tUn.max(axis=1, keepdims=True)


def _agreement(modes_tUn: NDArray[np.bool_], other_tUn: NDArray[np.bool_]) -> Doubles:
    """Return `sum_c p(c) p'(c)` for two uniform distributions over modes, (t, n)."""
    shared_tn = (modes_tUn & other_tUn).sum(axis=1)
    return shared_tn / (modes_tUn.sum(axis=1) * other_tUn.sum(axis=1))


def _measure(cell: CellView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Compare a cell with its dense population; formulas in `METRIC.columns`, intervals in `_floor_and_excess`."""
    dense_KN, sparse_KN = cell.dense.examples[PROBE_PREDICTION], cell.sparse.examples[PROBE_PREDICTION]
    if dense_KN.shape != sparse_KN.shape:
        raise ValueError(f"PIE: expected pruned models beside their dense parents, {dense_KN.shape}, {sparse_KN.shape}")
    published_N = published_pies(dense_KN, sparse_KN, cell.num_classes)
    tied_N = tied_modes(dense_KN, cell.num_classes) | tied_modes(sparse_KN, cell.num_classes)
    return {
        "pie/published": Estimate(value=float(published_N.mean())),
        "pie/tied": Estimate(value=float(tied_N.mean())),
        **_floor_and_excess(dense_KN, sparse_KN, cell.num_classes, evaluation),
    }


def _floor_and_excess(
    dense_KN: Predictions, sparse_KN: Predictions, num_classes: int, evaluation: Evaluation
) -> dict[str, Estimate]:
    """Return null, matched and excess disagreement with t intervals of K - 1 degrees of freedom.

    The variance is the jackknife's over models (halves one model smaller where K is even) plus that of the bootstrap
    over examples, for which no draws are needed: resampling a mean has the known variance `var_i / N`. No interval
    with two models, no value with one. Nominal .95 intervals of the excess cover .994 or more (docs/decisions/0005).
    """
    names = ("pie/null", "pie/matched", EXCESS_PIE)
    num_models = len(dense_KN)
    halves = Halves.of(num_models, evaluation.pie.max_splits)
    if not len(halves.first_TK):
        return dict.fromkeys(names, Estimate(value=None))
    full = disagreement(dense_KN, sparse_KN, num_classes, halves)
    reduced, reduced_halves = full, halves
    if num_models % 2 == 0 and num_models > 2:
        reduced_halves = halves.without_one_each()
        reduced = disagreement(dense_KN, sparse_KN, num_classes, reduced_halves)
    readings = (
        (full.null_N, reduced.null_T, 0),
        (full.matched_N, reduced.matched_T, 0),
        (full.matched_N - full.null_N, reduced.matched_T - reduced.null_T, -1),
    )
    estimates: dict[str, Estimate] = {}
    for name, (examples_N, reduced_T, lowest) in zip(names, readings, strict=True):
        value, over_models = float(examples_N.mean()), jackknife_variance(reduced_T, reduced_halves)
        if over_models is None:
            estimates[name] = Estimate(value=value)
            continue
        error = sqrt(over_models + float(examples_N.var()) / len(examples_N))
        margin = t_quantile(num_models - 1, evaluation.bootstrap.confidence) * error
        estimates[name] = Estimate(value=value, low=max(value - margin, lowest), high=min(value + margin, 1))
    return estimates


def _column(name: str, title: str, description: str) -> Column:
    return Column(name=f"pie/{name}", title=title, better="lower", description=description)


METRIC = CellMetric(
    name="pie",
    measure=_measure,
    columns=(
        _column(
            "published",
            "PIE",
            "Share of test images whose modal prediction differs between the dense and the pruned population, ties to "
            "the lowest class (Hooker et al. 2019); shrinks with the number of models.",
        ),
        _column(
            "tied",
            "Tied modes",
            "Share of test images for which several classes tie for the mode of the dense or of the pruned population, "
            "so that the published PIE depends on the tie rule.",
        ),
        _column(
            "null",
            "PIE floor",
            "Mean disagreement of the modes of two disjoint halves of the dense population: what PIE would be if "
            "pruning did nothing.",
        ),
        _column(
            "matched",
            "PIE matched",
            "Mean disagreement of the modes of one half of the dense population and the other half of the pruned one.",
        ),
        _column(
            "excess",
            "Excess PIE",
            "Matched minus floor: disagreement that pruning adds, in [-1, 1]; compare only populations of equal size.",
        ),
    ),
)
