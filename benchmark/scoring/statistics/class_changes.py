"""Which classes pruning costs more than it costs each model as a whole: one test per class, over models and images.

With `d_ki` in {-1, 0, 1} what pruning changed of model k on image i (right after minus right before), `m_kc` its mean
over the images of class c and `m_k` that over all images, the difference of class c is `z_kc = m_kc - m_k`: each
model's own change is its reference. H0: the mean of `z_kc` over models and images of this kind is 0.

Models and images are both samples, images within their classes. `z_kc` weighs class c by `1 - n_c / N` and every other
class j by `-n_j / N`; with these weights w, and in every class the mean squares of a table of models and images:

    V_models = var_k(z_kc) / K,  V_images = sum_j w_j^2 var_i(d_.i) / n_j,  V_rest = sum_j w_j^2 var_ki(rest) / (K n_j)
    V = max(V_models, V_rest) + max(V_images, V_rest) - V_rest

Satterthwaite's degrees of freedom weigh the squares of these terms. Holm's method corrects for asking about every
class.

p is one-sided: how likely a loss beyond the models' own is, at least as large as the one seen, where there is none.
Where all models and images of a class change alike, there is no variance and no test: p is undefined, never 0. A class
is hit where it lost, and lost more than the models did, significantly; a class that gained is never hit.

Pure numpy and scipy. It knows no metric, no record and no file.

Shapes: K models, N images, C classes.

Source:
    Mean squares of crossed random factors and Satterthwaite 1946 (textbook formulas, unverified); Holm 1979.
    `python -m bench.inference.class_hits` simulates its error rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from benchmark.scoring.statistics.simultaneous_ranks import holm

Doubles = NDArray[np.float64]

FAMILY_LEVEL = 0.05
"""Probability of calling any class of a cell hit where none was, over all classes together."""

ROUNDING = 1e-12
"""A variance below this is rounding: nothing varies."""


@dataclass(frozen=True)
class ClassChanges:
    """What happened to every class; NaN where a class has no test image.

    Attributes:
        difference_KC: float64 (K, C), change of recall minus the model's own change of accuracy, in [-2, 2].
        change_C: float64 (C,), change of recall, mean over models, in [-1, 1].
        error_C: float64 (C,), standard error of the mean difference, over models and images.
        freedom_C: float64 (C,), its degrees of freedom.
        p_C: float64 (C,), one-sided, not corrected; NaN where there is nothing to test with.
    """

    difference_KC: Doubles
    change_C: Doubles
    error_C: Doubles
    freedom_C: Doubles
    p_C: Doubles

    @property
    def corrected_p(self) -> Doubles:
        """p-values corrected by Holm's method over the classes that were tested; NaN elsewhere."""
        corrected_C, is_tested_C = np.full_like(self.p_C, np.nan), ~np.isnan(self.p_C)
        if is_tested_C.any():
            corrected_C[is_tested_C] = holm(self.p_C[is_tested_C])
        return corrected_C

    def corrected_over(self, cells: int) -> Doubles:
        """p-values corrected for asking about every class in so many cells of a record, at most 1 (Bonferroni)."""
        return np.minimum(self.corrected_p * cells, 1.0)

    def lost_more(self, p_C: Doubles) -> NDArray[np.bool_]:
        """Mark the classes, bool (C,), that lost and lost more than the models did, with p at most `FAMILY_LEVEL`."""
        fell_C = (self.change_C < 0) & (self.difference_KC.mean(axis=0) < 0)  # False for NaN
        return fell_C & (p_C <= FAMILY_LEVEL)

    @property
    def hits(self) -> NDArray[np.bool_]:
        """Mark the classes that are hit, bool (C,)."""
        return self.lost_more(self.corrected_p)


def class_changes(
    before_KN: NDArray[np.bool_], after_KN: NDArray[np.bool_], labels_N: NDArray[Any], num_classes: int
) -> ClassChanges:
    """Test for every class whether pruning cost it as much as it cost each model.

    Args:
        before_KN: bool (K, N), whether a dense model is right.
        after_KN: bool (K, N), whether the pruned model that descends from it is.
        labels_N: integer (N,), true labels in [0, C).
        num_classes: C.

    Returns:
        No test (p is NaN) with fewer than two models, in a class with fewer than two images or none outside of it, and
        where nothing varies within a class.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> labels = np.array([0, 0, 0, 1, 1, 1])
        >>> before, after = np.ones((2, 6), bool), np.array([[1, 0, 0, 1, 1, 1], [0, 1, 0, 1, 1, 1]], bool)
        >>> found = class_changes(before, after, labels, 2)
        >>> found.difference_KC[0].round(3).tolist(), found.hits.tolist(), np.isnan(found.p_C).tolist()
        ([-0.333, 0.333], [False, False], [False, True])
    """
    if before_KN.shape != after_KN.shape or before_KN.shape[1:] != labels_N.shape:
        shapes = before_KN.shape, after_KN.shape, labels_N.shape
        raise ValueError(f"class changes: expected (K, N), (K, N) of the same models and (N,), got {shapes}")
    changed_KN = after_KN.astype(np.float64) - before_KN
    num_models, num_images = changed_KN.shape
    sizes_C = np.bincount(labels_N, minlength=num_classes)
    mean_KC = np.stack([_class_means(row_N, labels_N, sizes_C) for row_N in changed_KN])
    difference_KC = mean_KC - changed_KN.mean(axis=1, keepdims=True)
    images_C, rest_C = _mean_squares(changed_KN, mean_KC, labels_N, sizes_C)
    varies_C = images_C * num_models + rest_C + mean_KC.var(axis=0) > ROUNDING
    may_test_C = (sizes_C > 1) & (sizes_C < num_images) & varies_C & (num_models > 1)
    shares_C = sizes_C / num_images
    weights_CC = np.square(np.eye(num_classes) - shares_C)  # row c: what class j counts in the difference of c
    error_C, freedom_C = _standard_error(difference_KC, weights_CC, images_C, rest_C, sizes_C)
    p_C = np.full(num_classes, np.nan)
    may_test_C &= error_C**2 > ROUNDING
    statistic_C = difference_KC.mean(axis=0)[may_test_C] / error_C[may_test_C]
    p_C[may_test_C] = stdtr(freedom_C[may_test_C], statistic_C)
    return ClassChanges(difference_KC, mean_KC.mean(axis=0), error_C, freedom_C, p_C)


def _class_means(values_N: Doubles, labels_N: NDArray[Any], sizes_C: NDArray[np.int64]) -> Doubles:
    """Average over the images of every class, (C,); NaN for a class without any."""
    sums_C = np.bincount(labels_N, values_N, minlength=len(sizes_C))
    return np.divide(sums_C, sizes_C, out=np.full(len(sizes_C), np.nan), where=sizes_C > 0)


def _mean_squares(
    changed_KN: Doubles, mean_KC: Doubles, labels_N: NDArray[Any], sizes_C: NDArray[np.int64]
) -> tuple[Doubles, Doubles]:
    """Return per class the variance of images' means over models, and of what neither model nor image explains."""
    num_models, centre_C = len(changed_KN), mean_KC.mean(axis=0)
    by_image_N = changed_KN.mean(axis=0) - centre_C[labels_N]
    images_C = np.bincount(labels_N, by_image_N**2, minlength=len(sizes_C))
    rest_KN = changed_KN - mean_KC[:, labels_N] - by_image_N
    rest_C = np.bincount(labels_N, (rest_KN**2).sum(axis=0), minlength=len(sizes_C))
    freedom_C = np.maximum(sizes_C - 1, 1)
    return images_C / freedom_C, rest_C / (freedom_C * max(num_models - 1, 1))


def _standard_error(
    difference_KC: Doubles, weights_CC: Doubles, images_C: Doubles, rest_C: Doubles, sizes_C: NDArray[np.int64]
) -> tuple[Doubles, Doubles]:
    """Return the standard error of every class's mean difference and its degrees of freedom."""
    num_models, counts_C = len(difference_KC), np.maximum(sizes_C, 1)
    if num_models < 2:
        return np.full(len(sizes_C), np.nan), np.full(len(sizes_C), np.nan)
    freedom_C = np.maximum(sizes_C - 1, 1)
    over_models_C = difference_KC.var(axis=0, ddof=1) / num_models
    images_CC, rest_CC = weights_CC * (images_C / counts_C), weights_CC * (rest_C / (num_models * counts_C))
    over_images_C, over_rest_C = images_CC.sum(axis=1), rest_CC.sum(axis=1)
    models_C, larger_C = np.maximum(over_models_C, over_rest_C), np.maximum(over_images_C, over_rest_C)
    variance_C = models_C + larger_C - over_rest_C
    squares_C = models_C**2 / (num_models - 1) + (images_CC**2 / freedom_C).sum(axis=1)
    squares_C += (rest_CC**2 / freedom_C).sum(axis=1) / (num_models - 1)
    ratio_C = np.divide(variance_C**2, squares_C, out=np.full(len(sizes_C), np.inf), where=squares_C > 0)
    return np.sqrt(variance_C), ratio_C
