"""The arithmetic that the scorer and the leaderboard share, so that both give the same number to the last bit.

It needs numpy, and scipy once an interval is asked for. It knows no record, no metric and no file.

Shapes: J sparsities, K models, N test examples, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]

SIGNIFICANT_BITS = 11
"""Of a number of one model and one image: a relative error of at most 2^-11, .0005."""

FEWEST_MODELS = 3
"""Of fewer models no interval is given: with one degree of freedom it would span most of what is possible."""


class Interval(NamedTuple):
    """Lower and upper bound of an interval."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """Upper minus lower bound."""
        return self.high - self.low

    def clipped(self, lowest: float, highest: float) -> Interval:
        """Return the part of the interval that lies among the possible values."""
        return Interval(max(self.low, lowest), min(self.high, highest))


@overload
def chance_corrected(accuracy: float, chance: float) -> float: ...
@overload
def chance_corrected(accuracy: Doubles, chance: float | Doubles) -> Doubles: ...
def chance_corrected(accuracy: float | Doubles, chance: float | Doubles) -> float | Doubles:
    """Return `(accuracy - chance) / (1 - chance)`, element by element: 1 is perfect, 0 is guessing.

    Args:
        accuracy: one number or an array of any shape, in [0, 1].
        chance: accuracy of guessing, below 1: `1 / C`. An array of the same shape where it differs by element.

    Example:
        >>> chance_corrected(np.array([0.1, 1.0]), 1 / 10).tolist()
        [0.0, 1.0]
    """
    return (accuracy - chance) / (1 - chance)


def largest_difference(chances: Iterable[float]) -> float:
    """Return by how much two robustness scores can differ, at least 1: one method always right, the other one never.

    Args:
        chances: per task the accuracy of guessing, below 1.
    """
    return max(1 / (1 - chance) for chance in chances)


def log2_compression(sparsity: Decimal | float) -> float:
    """Return `log2(1 / (1 - sparsity))`: how often the number of weights was halved, at least 0.

    Args:
        sparsity: in [0, 1). A float stands for the shortest decimal that rounds to it: .9 is nine tenths.

    Example:
        >>> log2_compression(Decimal("0.75")), log2_compression(0.9) == log2_compression(Decimal("0.9"))
        (2.0, True)
    """
    exact = sparsity if isinstance(sparsity, Decimal) else Decimal(repr(float(sparsity)))
    return -math.log2(1 - exact)


def compression_weights(sparsities: Sequence[Decimal] | Sequence[float]) -> Doubles:
    """Return the weight of every point in the mean height of a curve over log2 compression, by the trapezoid rule.

    With `x_j = log2(1 / (1 - s_j))` the area under `y` is `sum_j (y_j + y_{j+1}) (x_{j+1} - x_j) / 2`; divided by
    `x_J - x_1` it is `sum_j w_j y_j` with weights that depend on the sparsities alone. One sparsity has weight 1.

    Args:
        sparsities: (J,), strictly increasing, in [0, 1), at least one.

    Returns:
        float64 (J,), sums to 1.

    Raises:
        ValueError: if there is no sparsity, or they do not increase.

    Example:
        >>> compression_weights([0.5, 0.75, 0.875]).tolist()
        [0.25, 0.5, 0.25]
    """
    positions_J = np.array([log2_compression(sparsity) for sparsity in sparsities])
    widths = np.diff(positions_J)
    if not len(positions_J) or (widths <= 0).any():
        raise ValueError(f"area: expected increasing sparsities, at least one, got {[str(s) for s in sparsities]}")
    if len(positions_J) == 1:
        return np.ones(1)
    weights_J = np.zeros(len(positions_J))
    weights_J[:-1] += widths / 2
    weights_J[1:] += widths / 2
    return weights_J / widths.sum()


def area_over_compression(sparsities: Sequence[Decimal] | Sequence[float], heights: ArrayLike) -> Doubles:
    """Return the mean height over log2 compression: the area under a curve, divided by its width.

    Linear in the heights: of an array it gives an array, so that one call serves who got which example right.

    Args:
        sparsities: (J,), strictly increasing, in [0, 1), at least one.
        heights: (J,) for one curve, or (J, ...) for many at once.

    Returns:
        float64 of the shape that follows J: of shape () for one curve.

    Raises:
        ValueError: if the sparsities do not increase, or their number is not J.

    Example:
        >>> float(area_over_compression([0.5, 0.75, 0.875], [1.0, 0.5, 0.0]))
        0.5
    """
    return np.tensordot(compression_weights(sparsities), np.asarray(heights, np.float64), axes=1)


def label_histogram(labels_KN: NDArray[Any], num_classes: int) -> NDArray[np.int32]:
    """Count how many of the K models predict each class for each example: int32 (N, C), rows sum to K."""
    num_examples = labels_KN.shape[1]
    rows_KN = np.arange(num_examples) * num_classes + labels_KN.astype(np.int64)
    counts = np.bincount(rows_KN.ravel(), minlength=num_examples * num_classes)
    return counts.reshape(num_examples, num_classes).astype(np.int32)


def modal_labels(labels_KN: NDArray[Any], num_classes: int) -> NDArray[np.int64]:
    """Return the class that most models predict, per example; ties go to the lowest class.

    Args:
        labels_KN: integer (K, N), predicted classes in [0, C).
        num_classes: C.

    Returns:
        int64 (N,).

    Example:
        >>> modal_labels(np.array([[0, 2], [1, 2], [1, 0]]), num_classes=3).tolist()
        [1, 2]
    """
    return label_histogram(labels_KN, num_classes).argmax(axis=1).astype(np.int64, copy=False)


def jaccard_by_chance(size_first: int, size_second: int, num_examples: int) -> float:
    """Return the mean overlap (intersection over union) of two sets that are drawn independently.

    `sum_m P(m) m / (n1 + n2 - m)` with m hypergeometric; the ratio of the means is half of it for sets of 1.

    Args:
        size_first: n1, in [0, num_examples].
        size_second: n2, the same.
        num_examples: N, at least 1.

    Returns:
        In [0, 1]; NaN where both sets are empty.

    Example:
        >>> round(jaccard_by_chance(3, 3, 6), 3), jaccard_by_chance(1, 1, 10)
        (0.365, 0.1)
    """
    from scipy.stats import hypergeom  # here, because most pages do without

    total = size_first + size_second
    if not total:
        return math.nan
    sizes = np.arange(max(0, total - num_examples), min(size_first, size_second) + 1)
    chances: Any = hypergeom.pmf(sizes, num_examples, size_first, size_second)
    return float(chances @ (sizes / (total - sizes)))


def t_interval(samples: Doubles, confidence: float) -> Interval | None:
    """Return the t interval of a mean over models: `mean -+ t_{K-1} s / sqrt(K)`, `s` with K - 1 in the denominator.

    It treats the test examples as fixed. None below `FEWEST_MODELS`; of width zero where all models agree.

    Args:
        samples: float64 (K,), one number per model.
        confidence: nominal coverage, in (0, 1).

    Example:
        >>> [round(bound, 3) for bound in t_interval(np.array([0.7, 0.8, 0.9]), confidence=0.95)]
        [0.552, 1.048]
    """
    if len(samples) < FEWEST_MODELS:
        return None
    mean, error = float(np.mean(samples)), float(np.std(samples, ddof=1) / np.sqrt(len(samples)))
    margin = t_quantile(len(samples) - 1, confidence) * error
    return Interval(mean - margin, mean + margin)


def t_quantile(degrees_of_freedom: float, confidence: float) -> float:
    """Return the half-width, in standard errors, of a two-sided interval of Student's t."""
    from scipy.special import stdtrit  # here, because it takes a third of a second that most pages do without

    return float(stdtrit(degrees_of_freedom, (1 + confidence) / 2))


def as_kept(values_N: ArrayLike) -> NDArray[np.float32]:
    """Round to 11 significant bits, as numbers per model and image are kept, before anything is computed from them.

    What they tell apart is far coarser, and rounded they need half the room beside a record.

    Args:
        values_N: any real numbers, any shape; NaN and infinities stay.

    Returns:
        float32 of the same shape, of which every value is exact. Halves go to the even neighbour.

    Example:
        >>> as_kept([1 / 3, 0.99999, 0.0]).tolist()
        [0.333251953125, 1.0, 0.0]
    """
    fraction_N, exponent_N = np.frexp(np.asarray(values_N, np.float64))
    scale = 2.0**SIGNIFICANT_BITS
    return np.ldexp(np.rint(fraction_N * scale) / scale, exponent_N).astype(np.float32)
