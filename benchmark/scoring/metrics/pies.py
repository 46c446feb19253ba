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
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import CellMetric, CellView, Column, Estimate
from benchmark.scoring.metric_names import EXCESS_PIE, PROBE_PREDICTION, PUBLISHED_PIE, TIED_MODES
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
        null_KN, matched_KN: float64 (K, N), mean over the splits that leave out model k; None where some model is in
            a half of every split.
    """

    null_T: Doubles
    matched_T: Doubles
    null_N: Doubles
    matched_N: Doubles
    null_KN: Doubles | None
    matched_KN: Doubles | None


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
    num_examples, num_splits = dense_prediction_KN.shape[1], len(halves.first_TK)
    left_out_TK = halves.left_out_tk
    times_K = left_out_TK.sum(axis=0)
    is_left_out = bool((times_K > 0).all())
    without_2KN = np.zeros((2, len(times_K), num_examples)) if is_left_out else None
    sums_2T, means_2N = np.zeros((2, num_splits)), np.zeros((2, num_examples))
    for index_n, dense_KUn, sparse_KUn in _votes(dense_prediction_KN, sparse_prediction_KN, num_classes):
        chunk_splits = max(1, BLOCK_BYTES // dense_KUn[0].nbytes)
        for start in range(0, num_splits, chunk_splits):
            chunk = slice(start, start + chunk_splits)
            pairs_2tn = _disagreement_of_block(halves.first_TK[chunk], halves.second_TK[chunk], dense_KUn, sparse_KUn)
            sums_2T[:, chunk] += pairs_2tn.sum(axis=2)
            means_2N[:, index_n] += pairs_2tn.sum(axis=1) / num_splits
            if without_2KN is not None:
                without_2KN[:, :, index_n] += left_out_TK[chunk].T @ pairs_2tn / times_K[:, None]
    null_T, matched_T = sums_2T / num_examples
    null_N, matched_N = means_2N
    null_KN, matched_KN = (None, None) if without_2KN is None else without_2KN
    return Disagreement(null_T, matched_T, null_N, matched_N, null_KN, matched_KN)


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
    shared_tn, tied_tn, other_tied_tn = (_count(each) for each in (modes_tUn & other_tUn, modes_tUn, other_tUn))
    return shared_tn / (tied_tn * other_tied_tn)


def _count(modes_tUn: NDArray[np.bool_]) -> Doubles:
    """Count labels, (t, n); small integers are summed faster than the default's."""
    return modes_tUn.sum(axis=1, dtype=np.int16).astype(np.float64)


def _measure(cell: CellView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Compare a cell with its dense population; formulas in `METRIC.columns`, intervals in `_floor_and_excess`."""
    dense_KN, sparse_KN = cell.dense.examples[PROBE_PREDICTION], cell.sparse.examples[PROBE_PREDICTION]
    if dense_KN.shape != sparse_KN.shape:
        raise ValueError(f"PIE: expected pruned models beside their dense parents, {dense_KN.shape}, {sparse_KN.shape}")
    published_N = published_pies(dense_KN, sparse_KN, cell.num_classes)
    tied_N = tied_modes(dense_KN, cell.num_classes) | tied_modes(sparse_KN, cell.num_classes)
    return {
        PUBLISHED_PIE: Estimate(value=float(published_N.mean())),
        TIED_MODES: Estimate(value=float(tied_N.mean())),
        **_floor_and_excess(dense_KN, sparse_KN, cell.num_classes, evaluation),
    }


def _floor_and_excess(
    dense_KN: Predictions, sparse_KN: Predictions, num_classes: int, evaluation: Evaluation
) -> dict[str, Estimate]:
    """Return null, matched and excess disagreement with intervals over models and examples; see `excess_variance`."""
    names = ("pie/null", "pie/matched", EXCESS_PIE)
    num_models = len(dense_KN)
    halves = Halves.of(num_models, evaluation.pie.max_splits)
    if not len(halves.first_TK):
        return dict.fromkeys(names, Estimate(value=None))
    full = disagreement(dense_KN, sparse_KN, num_classes, halves)
    reduced = full
    if num_models % 2 == 0 and num_models > 2:
        reduced = disagreement(dense_KN, sparse_KN, num_classes, halves.without_one_each())
    null, matched = (full.null_N, reduced.null_KN), (full.matched_N, reduced.matched_KN)
    excess_KN = None if null[1] is None or matched[1] is None else matched[1] - null[1]
    readings = ((*null, 0), (*matched, 0), (matched[0] - null[0], excess_KN, -1))
    estimates: dict[str, Estimate] = {}
    for name, (examples_N, without_KN, lowest) in zip(names, readings, strict=True):
        value = float(examples_N.mean())
        if without_KN is None:
            estimates[name] = Estimate(value=value)
            continue
        variance, freedom = excess_variance(examples_N, without_KN)
        margin = t_quantile(freedom, evaluation.bootstrap.confidence) * sqrt(variance)
        estimates[name] = Estimate(value=value, low=max(value - margin, lowest), high=min(value + margin, 1))
    return estimates


def excess_variance(examples_N: Doubles, without_KN: Doubles) -> tuple[float, float]:
    """Return the variance of a mean disagreement over models and examples, and its degrees of freedom.

    `V = V_examples + max(V_models - V_both, 0)`: `V_examples = var_i / N`, which the bootstrap over examples would
    give; `V_models` the jackknife over models (halves one model smaller where K is even); and
    `V_both = sum_i (jackknife variance of example i) / N^2`, the part of one model on one example, which both contain.
    Degrees of freedom by Satterthwaite, `V^2 / (V_models^2 / (K - 1) + V_examples^2 / (N - 1))`, at least K - 1.

    Args:
        examples_N: float64 (N,), mean over splits per example.
        without_KN: float64 (K, N), the same over the splits that leave out model k, K at least 3.

    Source:
        Ours; coverage by simulation in docs/decisions/0005 and `python -m bench.interval_coverage`. Seeds of which
        some collapse break it, as any interval.
    """
    num_models, num_examples = without_KN.shape
    over_examples = float(examples_N.var()) / num_examples
    over_models = float(jackknife_variance(without_KN.mean(axis=1)))
    both = float(jackknife_variance(without_KN).sum()) / num_examples**2
    variance = over_examples + max(over_models - both, 0.0)
    parts = over_models**2 / (num_models - 1) + over_examples**2 / max(num_examples - 1, 1)
    freedom = variance**2 / parts if parts > 0 else 0.0
    return variance, max(freedom, num_models - 1.0)


def _column(name: str, title: str, description: str, better: Literal["lower", "neither"] = "lower") -> Column:
    return Column(name=f"pie/{name}", title=title, better=better, description=description)


METRIC = CellMetric(
    name="pie",
    version=2,
    measure=_measure,
    columns=(
        _column(
            "published",
            "Published PIE",
            "Share of test images whose modal prediction differs between the dense and the pruned population, ties to "
            "the lowest class (Hooker et al. 2019); shrinks with the number of models. Methods are not ranked by it: "
            "at even numbers of models another tie rule can turn their order round.",
            "neither",
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
