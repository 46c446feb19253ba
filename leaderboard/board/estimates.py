"""A number with the bounds of its interval, as everything on a board is ranked and drawn. Pure.

`benchmark.scoring.metric.Estimate` is what a record holds, where value and bounds may be missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.score_math import t_interval


@dataclass(frozen=True)
class IntervalEstimate:
    """A finite number with bounds, `low <= value <= high`; a bound that is not known equals the value."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float | None, low: float | None = None, high: float | None = None) -> IntervalEstimate | None:
        """Build it from what a record holds; None where there is no finite value to rank by."""
        if value is None or not math.isfinite(value):
            return None
        lower = value if low is None or math.isnan(low) else min(low, value)
        upper = value if high is None or math.isnan(high) else max(high, value)
        return cls(value, lower, upper)

    def within(self, most: float) -> IntervalEstimate:
        """Cut bounds that lie outside of what is possible, [-most, most]; infinite ones stay: nothing is known."""
        low, high = (bound if math.isinf(bound) else min(max(bound, -most), most) for bound in (self.low, self.high))
        return IntervalEstimate(self.value, min(low, self.value), max(high, self.value))

    @property
    def is_known(self) -> bool:
        """Whether there were enough models for an interval."""
        return math.isfinite(self.width)

    @property
    def width(self) -> float:
        """Upper minus lower bound."""
        return self.high - self.low


Scores = Mapping[str, IntervalEstimate | None]
"""One number per submission, by the path of its record (or its name); None where it has none."""


def mean_over_models(samples_K: NDArray[np.float64], confidence: float = 0.95) -> IntervalEstimate:
    """Return the mean over models with Student's t interval; with one model the bounds equal the value.

    Args:
        samples_K: float64 (K,), one number per model.
        confidence: nominal coverage in (0, 1).
    """
    mean = float(samples_K.mean())
    low, high = t_interval(samples_K, confidence) or (mean, mean)
    return IntervalEstimate(mean, low, high)
