"""How many models would separate two methods: advice with a power, an interval of its own, and silence.

With n models of each method the variance of their difference is `V(n) = (K V_models + K' V'_models) / n + V_images -
V_rest (...)`: what the images do to one method only does not shrink with n (`models_and_images.py`). The test then
finds a true gap with the probability that the noncentral t distribution gives.

Pure numpy and scipy. It knows no metric, no record and no price.

Shapes: n numbers of models that are tried.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import nctdtr, stdtrit

from benchmark.scoring.statistics.models_and_images import Population, difference_of, differences_from_moments

Doubles = NDArray[np.float64]

POWER = 0.8
"""The chance of finding the gap that advice aims at."""
MAX_MODELS = 1000


@dataclass(frozen=True)
class PowerAdvice:
    """How many models of each method it takes.

    Attributes:
        models: if the gap is as large as seen; None where more than `MAX_MODELS` are, or where no number is enough
            because the test images limit what can be seen.
        fewest: if the gap is as large as its interval allows.
        most: if it is as small as its interval allows; None as for `models`.
    """

    models: int | None
    fewest: int | None
    most: int | None


def advise(first: Population, second: Population, confidence: float, level: float) -> PowerAdvice | None:
    """Say how many models would separate two methods, or nothing where the gap could be nothing.

    Args:
        first: one method.
        second: another one, on the same images.
        confidence: of the interval of the gap, which gives that of the advice.
        level: significance level that one test has to pass; smaller where many tests share it.

    Returns:
        None where the interval of the gap contains 0: data that cannot tell the gap from nothing cannot tell how many
        models it takes to find it.
    """
    gap = difference_of(first, second)
    low, high = gap.interval(confidence)
    if gap.value < 0:
        low, high = -high, -low
    if low <= 0:
        return None
    most, models, fewest = (models_needed(each, first, second, level) for each in (low, abs(gap.value), high))
    return PowerAdvice(models, fewest, most)


def models_needed(gap: float, first: Population, second: Population, level: float) -> int | None:
    """Return the smallest number of models of each method that finds a true gap with a power of `POWER`.

    Returns:
        At least 2; None where `MAX_MODELS` are not enough.
    """
    counts_n = np.arange(2, MAX_MODELS + 1)
    enough = counts_n[power_of(gap, first, second, level, counts_n) >= POWER]
    return int(enough[0]) if len(enough) else None


def power_of(gap: float, first: Population, second: Population, level: float, counts_n: NDArray[np.int64]) -> Doubles:
    """Return the chance that a two-sided test finds a true gap, with n models of each method, float64 (n,).

    Args:
        gap: true difference of the two means.
        first: one method; its variances stand for the true ones.
        second: another one, on the same images.
        level: significance level of the test.
        counts_n: numbers of models, each at least 2.
    """
    both = (first, second)
    models_n2, rest_n2 = (
        np.array([getattr(each, part) * each.num_models for each in both]) / counts_n[:, None]
        for part in ("models", "rest")
    )
    # The images' part holds the rest at the K that was measured: take that off, and add the rest at n models.
    gap_N = first.images_N - second.images_N
    own = max(float(gap_N @ gap_N) - first.rest - second.rest, 0.0)
    images_n22 = (own / 2 + rest_n2)[:, :, None] * np.eye(2)
    counts_n2 = np.stack([counts_n, counts_n], axis=1)
    pair = differences_from_moments(
        np.zeros((len(counts_n), 2)), counts_n2, models_n2, rest_n2, images_n22, len(first.images_N)
    )
    return _noncentral(abs(gap), pair.error_M[:, 0], pair.freedom_M[:, 0], level)


def _noncentral(gap: float, error_n: Doubles, freedom_n: Doubles, level: float) -> Doubles:
    critical_n = stdtrit(freedom_n, 1 - level / 2)
    shift_n = np.divide(gap, error_n, out=np.full_like(error_n, np.inf), where=error_n > 0)
    # Far beyond what is asked for the series of the distribution ends in NaN: there the gap is always found.
    surely_n = shift_n > critical_n + 10
    found_n = 1 - nctdtr(freedom_n, np.where(surely_n, 0.0, shift_n), critical_n)
    return np.where(surely_n, 1.0, found_n)
