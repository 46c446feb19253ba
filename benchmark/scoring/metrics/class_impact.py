"""Class-level impact: which classes pruning moves more than it moves the model as a whole.

It owns recalls per class, their tests and the correction for asking about every class. It refuses to test a class that
has no test example.

Shapes: K models, N test examples, C classes, P of them present in the test set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmark.scoring.metric import CellMetric, CellView, Column, Estimate, Labels
from benchmark.scoring.metric_names import PROBE_PREDICTION
from benchmark.spec import Evaluation

Doubles = NDArray[np.float64]
Counts = NDArray[np.int64]

LEVEL = 0.05
"""Significance level of one test, and false discovery rate over the classes."""


@dataclass(frozen=True)
class ClassImpact:
    """What happened to every class; NaN for a class without test examples.

    Attributes:
        difference_KC: float64 (K, C), normalised recall difference of each pair of models, in [-2, 2]: recall of the
            pruned minus recall of the dense model, minus the same of the populations' mean accuracies.
        paired_C: float64 (C,), p-values of the paired t-test; NaN throughout for K = 1.
        welch_C: float64 (C,), p-values of Welch's t-test, as published; NaN throughout for K = 1.
    """

    difference_KC: Doubles
    paired_C: Doubles
    welch_C: Doubles


def class_impact(
    dense_prediction_KN: NDArray[Any], sparse_prediction_KN: NDArray[Any], labels_N: Labels, num_classes: int
) -> ClassImpact:
    """Test for every class whether it moved as much as the model did.

    Per class c, samples over models k: `recall[c,k]^0 - acc_mean^0` against `recall[c,k]^s - acc_mean^s`, with acc_mean
    the mean accuracy of a population. Two-sided Welch t-test (unequal variances), and the paired t-test, because
    pruned model k descends from dense model k.

    Edge cases, decided on whole numbers of correct examples so that rounding plays no part: where both variances
    (paired: that of the differences) are zero, p is 1 if the means are equal and 0 if they differ. A class without test
    examples has no recall: NaN. One model has no variance: NaN.

    Args:
        dense_prediction_KN: integer (K, N), predictions of the dense population.
        sparse_prediction_KN: integer (K, N), of their descendants in the same order.
        labels_N: int64 (N,), true labels in [0, C).
        num_classes: C.

    Raises:
        ValueError: if the populations differ in shape.

    Source:
        Hooker et al. 2019 (arXiv 1911.05248), code; the paired test is ours and the default.

    Example:
        >>> labels = np.array([0, 0, 1, 1])
        >>> dense, sparse = np.array([[0, 0, 1, 1], [0, 0, 1, 1]]), np.array([[0, 0, 1, 0], [0, 0, 1, 0]])
        >>> found = class_impact(dense, sparse, labels, 3)
        >>> found.difference_KC[0].tolist(), found.paired_C.tolist()
        ([0.25, -0.25, nan], [0.0, 0.0, nan])
    """
    if dense_prediction_KN.shape != sparse_prediction_KN.shape:
        raise ValueError(
            f"class impact: expected pruned models beside their dense parents, got {dense_prediction_KN.shape} and "
            f"{sparse_prediction_KN.shape}"
        )
    sizes_C = np.bincount(labels_N, minlength=num_classes)
    dense_KC = _correct(dense_prediction_KN, labels_N, num_classes)
    sparse_KC = _correct(sparse_prediction_KN, labels_N, num_classes)
    return ClassImpact(
        difference_KC=_normalised(sparse_KC, sizes_C) - _normalised(dense_KC, sizes_C),
        paired_C=_where_tested(_paired, dense_KC, sparse_KC, sizes_C),
        welch_C=_where_tested(_welch, dense_KC, sparse_KC, sizes_C),
    )


def significant(p_values_C: Doubles, level: float) -> tuple[int, int]:
    """Count classes with p <= level, and those that Benjamini-Hochberg leaves at that false discovery rate.

    NaN is not a test and does not count among the hypotheses.

    Example:
        >>> significant(np.array([0.001, 0.04, 0.045, 0.9, np.nan]), 0.05)
        (3, 1)
    """
    tested = p_values_C[~np.isnan(p_values_C)]
    if not len(tested):
        return 0, 0
    return int((tested <= level).sum()), int(multipletests(tested, level, method="fdr_bh")[0].sum())


def _correct(prediction_KN: NDArray[Any], labels_N: Labels, num_classes: int) -> Counts:
    """Count the correct examples per model and class, (K, C)."""
    num_models = len(prediction_KN)
    model_of, example_of = np.nonzero(prediction_KN == labels_N)
    counts = np.bincount(model_of * num_classes + labels_N[example_of], minlength=num_models * num_classes)
    return counts.reshape(num_models, num_classes)


def _normalised(correct_KC: Counts, sizes_C: Counts) -> Doubles:
    """Recall minus the population's mean accuracy, (K, C); NaN for absent classes."""
    recall_KC = np.divide(correct_KC, sizes_C, out=np.full(correct_KC.shape, np.nan), where=sizes_C > 0)
    return recall_KC - correct_KC.sum() / (len(correct_KC) * sizes_C.sum())


def _where_tested(
    test: Callable[[Counts, Counts, Counts], Doubles], dense_KC: Counts, sparse_KC: Counts, sizes_C: Counts
) -> Doubles:
    """Test the classes that have test examples; NaN elsewhere, and everywhere with one model."""
    p_C = np.full(len(sizes_C), np.nan)
    present_P = np.flatnonzero(sizes_C)
    if len(dense_KC) > 1 and len(present_P):
        p_C[present_P] = test(dense_KC[:, present_P], sparse_KC[:, present_P], sizes_C[present_P])
    return p_C


def _without_variance(dense_KP: Counts, sparse_KP: Counts, sizes_P: Counts) -> Doubles:
    """Return 1 where mean normalised recalls are equal, else 0: `N sum_k m_kc = n_c sum_kc m_kc`, in whole numbers."""
    moved_P = (sparse_KP - dense_KP).sum(axis=0)
    return (moved_P * sizes_P.sum() == moved_P.sum() * sizes_P).astype(np.float64)


def _paired(dense_KP: Counts, sparse_KP: Counts, sizes_P: Counts) -> Doubles:
    p_P = _without_variance(dense_KP, sparse_KP, sizes_P)
    moved_KP = sparse_KP - dense_KP
    varies_P = (moved_KP != moved_KP[0]).any(axis=0)
    difference_KP = _normalised(sparse_KP, sizes_P) - _normalised(dense_KP, sizes_P)
    if varies_P.any():
        p_P[varies_P] = _p_values(stats.ttest_1samp(difference_KP[:, varies_P], 0, axis=0))
    return p_P


def _welch(dense_KP: Counts, sparse_KP: Counts, sizes_P: Counts) -> Doubles:
    p_P = _without_variance(dense_KP, sparse_KP, sizes_P)
    varies_P = (dense_KP != dense_KP[0]).any(axis=0) | (sparse_KP != sparse_KP[0]).any(axis=0)
    if not varies_P.any():
        return p_P
    # From means and deviations, because scipy warns where one of the samples is constant.
    moments = [
        moment
        for correct_KP in (dense_KP, sparse_KP)
        for moment in (
            _normalised(correct_KP, sizes_P).mean(axis=0)[varies_P],
            (correct_KP.std(axis=0, ddof=1) / sizes_P)[varies_P],
            len(correct_KP),
        )
    ]
    p_P[varies_P] = _p_values(stats.ttest_ind_from_stats(*moments, equal_var=False))
    return p_P


def _p_values(result: Any) -> Doubles:
    return result.pvalue


def _measure(cell: CellView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    """Count the classes that each test finds, raw and corrected; None where nothing could be tested."""
    dense_KN, sparse_KN = (population.examples[PROBE_PREDICTION] for population in (cell.dense, cell.sparse))
    found = class_impact(dense_KN, sparse_KN, cell.test_labels, cell.num_classes)
    estimates: dict[str, Estimate] = {}
    for test, p_C in (("paired", found.paired_C), ("welch", found.welch_C)):
        is_tested = not np.isnan(p_C).all()
        for name, count in zip(("raw", "bh"), significant(p_C, LEVEL), strict=True):
            estimates[f"class_impact/{test}_{name}"] = Estimate(value=count if is_tested else None)
    drop_C = -found.difference_KC.mean(axis=0)
    is_present_C = ~np.isnan(drop_C)
    largest = float(drop_C[is_present_C].max()) if is_present_C.any() else None
    estimates["class_impact/largest_drop"] = Estimate(value=largest)
    return estimates


def _column(name: str, title: str, description: str, unit: str = "classes") -> Column:
    return Column(name=f"class_impact/{name}", title=title, unit=unit, better="lower", description=description)


METRIC = CellMetric(
    name="class_impact",
    measure=_measure,
    columns=(
        _column(
            "paired_bh",
            "Classes hit",
            "Number of classes that pruning moved more or less than the whole model, at a false discovery rate of .05: "
            "paired t-test over models, Benjamini-Hochberg over classes.",
        ),
        _column(
            "paired_raw",
            "Classes hit, uncorrected",
            "Number of classes with p <= .05 in the paired t-test, not corrected for asking about every class.",
        ),
        _column(
            "welch_bh",
            "Classes hit (Welch)",
            "Number of classes hit by Welch's t-test, which ignores that pruned models have dense parents, at a false "
            "discovery rate of .05 (Benjamini-Hochberg).",
        ),
        _column(
            "welch_raw",
            "Classes hit (Welch), uncorrected",
            "Number of classes with p <= .05 in Welch's t-test, as published (Hooker et al. 2019).",
        ),
        _column(
            "largest_drop",
            "Largest class drop",
            "Normalised recall difference of the class that lost most: how much further its recall fell than mean "
            "accuracy did, averaged over models; never below 0.",
            unit="",
        ),
    ),
)
