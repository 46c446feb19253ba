"""How far a mean over models and test images may be off, and the difference between two such means.

Models (seeds) and test images are both samples: another seed and other images of this kind would give another number.
With `y_ki` the outcome of model k on image i, `y_ki = mean + model_k + image_i + rest_ki`. Three mean squares estimate
the variance of the mean of all `y_ki` without bias:

    V_models = var_k(y_k.) / K,  V_images = var_i(y_.i) / N,  V_rest = var_ki(y_ki - y_k. - y_.i + y_..) / (K N)
    V = max(V_models, V_rest) + max(V_images, V_rest) - V_rest

`y_k.` and `y_.i` are means over images and over models; sample variances divide by K - 1, N - 1 and (K - 1)(N - 1).
Both `V_models` and `V_images` contain `V_rest`, so it is taken off once. Satterthwaite's degrees of freedom are
`V^2 / (V_models^2 / (K - 1) + V_images^2 / (N - 1) + V_rest^2 / ((K - 1)(N - 1)))`.

Two methods see the same images and have models of their own: `V_models` and `V_rest` add up, and `V_images` is that of
the difference `y_.i - y'_.i`. So what the images do to both alike cancels, and what they do to one method only counts.

Pure numpy and scipy. It knows no metric, no record and no file. The bootstrap of `bootstrap.py` is its check.

Shapes: K models, N test images, n methods, M = n (n - 1) / 2 pairs.

Source:
    Mean squares of two crossed random factors and Satterthwaite 1946, "An approximate distribution of estimates of
    variance components" (textbook formulas, unverified). Studies of readers and cases in radiology use the same
    variance (Dorfman, Berbaum & Metz 1992, unverified).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, stdtr

from benchmark.scoring.score_math import Interval, t_quantile

Doubles = NDArray[np.float64]

ROUNDING = 1e-12
"""A standard error below this is rounding: nothing varies."""


@dataclass(frozen=True)
class TwoWayMean:
    """A mean, or a difference of means, with its standard error over models and images.

    Attributes:
        value: the mean or the difference.
        error: standard error, at least 0.
        freedom: Satterthwaite's degrees of freedom; infinite where nothing varies.
    """

    value: float
    error: float
    freedom: float

    @property
    def p(self) -> float:
        """Two-sided p-value of "it is 0". 1 where nothing varies: there is nothing to test with."""
        return float(two_sided_p(*(np.array(each) for each in (self.value, self.error, self.freedom))))

    def interval(self, confidence: float) -> Interval:
        """Return `value -+ t error`; of width zero where nothing varies."""
        margin = t_quantile(self.freedom, confidence) * self.error if self.error >= ROUNDING else 0.0
        return Interval(self.value - margin, self.value + margin)


@dataclass(frozen=True)
class Population:
    """What inference needs of the outcomes of one method: small, and enough to compare it with any other.

    Attributes:
        value: mean outcome; over several tasks, the mean of their means.
        num_models: K.
        models: `V_models`.
        rest: `V_rest`.
        images_N: float64 (N,), how far the mean over models of each image lies from that of all images, scaled so that
            the sum of squares is `V_images`. Images of several tasks follow one another.
    """

    value: float
    num_models: int
    models: float
    rest: float
    images_N: Doubles

    @property
    def estimate(self) -> TwoWayMean:
        """The mean with its standard error."""
        images, counts = float(self.images_N @ self.images_N), (self.num_models, len(self.images_N))
        models = max(self.models, self.rest)
        variance, freedom = variance_and_freedom(models, models**2, images, self.rest, counts)
        return TwoWayMean(self.value, float(np.sqrt(variance)), float(freedom))

    @property
    def p(self) -> float:
        """Two-sided p-value of "the mean is 0", for use among many tests: see `few_models_p`."""
        images = max(float(self.images_N @ self.images_N), self.rest)
        models, fixed = max(self.models, self.rest), images - self.rest
        value_1, models_1, fixed_1 = (np.array([part]) for part in (self.value, models, fixed))
        return float(few_models_p(value_1, models_1, fixed_1, self.num_models)[0])


@dataclass(frozen=True)
class PairDifferences:
    """Differences of all pairs of n methods, first minus second: (0, 1), (0, 2), ..., (n - 2, n - 1).

    Attributes:
        first_M, second_M: int64 (M,), which methods.
        value_M, error_M, freedom_M: float64 (M,), as in `TwoWayMean`.
        p_M: float64 (M,), two-sided.
    """

    first_M: NDArray[np.int64]
    second_M: NDArray[np.int64]
    value_M: Doubles
    error_M: Doubles
    freedom_M: Doubles
    p_M: Doubles


def population_of(tasks: Sequence[NDArray[Any]]) -> Population:
    """Condense the outcomes of one method.

    Args:
        tasks: per task the outcomes (K, N_t) of the same K seeds, any real dtype, finite. The value is the mean of the
            tasks' means. Of one method on one task that is a list of one. For two settings of the same models (two
            schedules of one method), give the difference of their outcomes.

    Raises:
        ValueError: fewer than two models or images, or tasks with different numbers of models.
    """
    shapes = [outcome_KN.shape for outcome_KN in tasks]
    if not shapes or len({shape[0] for shape in shapes}) > 1 or any(len(s) != 2 or min(s) < 2 for s in shapes):
        raise ValueError(f"models and images: expected outcomes (K >= 2, N >= 2) of the same K, got {shapes}")
    num_models, num_tasks = shapes[0][0], len(tasks)
    models_K, rest, images = np.zeros(num_models), 0.0, list[Doubles]()
    for outcome_KN in tasks:
        values_KN = np.asarray(outcome_KN, np.float64) / num_tasks
        num_images = values_KN.shape[1]
        by_model_K, by_image_N = values_KN.mean(axis=1), values_KN.mean(axis=0)
        centred_N = by_image_N - by_image_N.mean()
        squares = _rest_squares(values_KN, by_model_K, centred_N)
        rest += squares / ((num_models - 1) * (num_images - 1) * num_models * num_images)
        models_K += by_model_K
        images.append(centred_N / np.sqrt(num_images * (num_images - 1)))
    models = float(models_K.var(ddof=1) / num_models)
    return Population(float(models_K.mean()), num_models, models, rest, np.concatenate(images))


def difference_of(first: Population, second: Population) -> TwoWayMean:
    """Compare two methods on the same images, each with models of its own: first minus second.

    Raises:
        ValueError: if they have different numbers of images.
    """
    pairs = all_differences([first, second])
    return TwoWayMean(float(pairs.value_M[0]), float(pairs.error_M[0]), float(pairs.freedom_M[0]))


def all_differences(methods: Sequence[Population]) -> PairDifferences:
    """Compare every pair of methods on the same images, by one product of matrices.

    100 methods x 10,000 images take about 0.05 s on one core.

    Raises:
        ValueError: if methods have different numbers of images.
    """
    if len({len(method.images_N) for method in methods}) > 1:
        raise ValueError("models and images: expected methods on the same images, got different numbers of images")
    first_M, second_M = np.triu_indices(len(methods), 1)
    if not len(first_M):
        empty = np.zeros(0)
        return PairDifferences(first_M, second_M, empty, empty, empty, empty)
    images_nN = np.stack([method.images_N for method in methods])
    return differences_from_moments(
        np.array([method.value for method in methods]),
        np.array([method.num_models for method in methods]),
        np.array([method.models for method in methods]),
        np.array([method.rest for method in methods]),
        images_nN @ images_nN.T,
        images_nN.shape[1],
    )


def differences_from_moments(
    value_n: Doubles, num_models_n: NDArray[np.int64], models_n: Doubles, rest_n: Doubles, images_nn: Doubles,
    num_images: int,
) -> PairDifferences:  # fmt: skip
    """Compare every pair of methods, given what `all_differences` derives; simulations enter here.

    Args:
        value_n: means, (n,) or a batch (..., n).
        num_models_n: K of every method, (n,) or as `value_n`.
        models_n: `V_models`, as `value_n`.
        rest_n: `V_rest`, as `value_n`.
        images_nn: products of `Population.images_N` of two methods, (..., n, n): `V_images` on the diagonal.
        num_images: N.

    Returns:
        Arrays of shape (..., M) but for the indices, which are (M,).
    """
    first, second = np.triu_indices(value_n.shape[-1], 1)
    models_n = np.maximum(models_n, rest_n)
    diagonal_n = np.diagonal(images_nn, axis1=-2, axis2=-1)
    images = np.maximum(diagonal_n[..., first] + diagonal_n[..., second] - 2 * images_nn[..., first, second], 0)
    squares_n = models_n**2 / (num_models_n - 1)
    fewest = np.minimum(num_models_n[..., first], num_models_n[..., second])
    variance, freedom = variance_and_freedom(
        models_n[..., first] + models_n[..., second],
        (squares_n[..., first] + squares_n[..., second]) * (fewest - 1),
        images, rest_n[..., first] + rest_n[..., second], (fewest, num_images),
    )  # fmt: skip
    value, error = value_n[..., first] - value_n[..., second], np.sqrt(variance)
    return PairDifferences(first, second, value, error, freedom, two_sided_p(value, error, freedom))


def two_sided_p(value: Doubles, error: Doubles, freedom: Doubles) -> Doubles:
    """Return the p-values of "it is 0", element by element; 1 where nothing varies: nothing to test with."""
    varies = error >= ROUNDING
    statistic = np.divide(-np.abs(value), error, out=np.zeros_like(error), where=varies)
    return np.where(varies, 2 * stdtr(np.where(varies, freedom, 1.0), statistic), 1.0)


def variance_and_freedom(
    models: Any, models_squared: Any, images: Any, rest: Any, counts: tuple[Any, int]
) -> tuple[Any, Any]:
    """Return V and its degrees of freedom, element by element, for numbers or arrays of one shape.

    Args:
        models: the sum of `max(V_models, V_rest)` over methods.
        models_squared: the sum of their squares, each times (fewest models - 1) / (its models - 1).
        images: `V_images`.
        rest: the sum of `V_rest`.
        counts: the fewest models and N.
    """
    num_models, num_images = counts
    images = np.maximum(images, rest)
    variance = models + images - rest
    parts = models_squared / (num_models - 1) + images**2 / (num_images - 1)
    parts = parts + rest**2 / ((num_models - 1) * (num_images - 1))
    varies = parts > 0
    return variance, np.divide(variance**2, parts, out=np.full_like(np.asarray(parts), np.inf), where=varies)


def few_models_p(value_M: Doubles, models_M: Doubles, fixed_M: Doubles, num_models: int) -> Doubles:
    """Return two-sided p-values of "it is 0" that stay valid far out in the tail, where many tests share one error.

    Satterthwaite's p-values hold at .05; at .0001 they are up to six times too small for one sample of six models,
    because a variance of models that came out small by chance also raises the degrees of freedom. Here the variance of
    models is uncertain by itself: `p = E[2 Phi(-|value| / sqrt(fixed + models f / X))]` with X chi-squared with
    `f = K - 1` degrees of freedom. It is Student's where `fixed` is 0 and normal where `models` is 0.

    Args:
        value_M: (M,) means or differences.
        models_M: `max(V_models, V_rest)`.
        fixed_M: what the images add: `max(V_images, V_rest) - V_rest`.
        num_models: K.

    Source:
        The Behrens-Fisher distribution of a sum of two scaled variables, one Student's and one normal; tests with it
        err less often than they say (Robinson 1976, unverified; measured by `python -m bench.inference`).
    """
    freedom = num_models - 1
    x = np.linspace(np.log(freedom) - 14, np.log(freedom + 12 * np.sqrt(2 * freedom) + 20), 48)  # log of X
    density = np.exp(freedom / 2 * x - np.exp(x) / 2 - freedom / 2 * np.log(2) - gammaln(freedom / 2))
    variance = fixed_M[:, None] + models_M[:, None] * freedom * np.exp(-x)
    varies = variance[:, -1] >= ROUNDING**2
    statistic = -np.abs(value_M)[:, None] / np.sqrt(np.where(varies[:, None], variance, 1.0))
    return np.where(varies, np.minimum(2 * ndtr(statistic) @ density * (x[1] - x[0]), 1), 1.0)


def _rest_squares(values_KN: Doubles, by_model_K: Doubles, centred_N: Doubles) -> float:
    """Sum the squares of what neither the model nor the image explains."""
    rest_KN = values_KN - by_model_K[:, None]
    rest_KN -= centred_N
    return float(np.einsum("kn,kn->", rest_KN, rest_KN))
