"""Calibration of the linear probe: whether its confidence is the accuracy it has.

It owns the binned error. It refuses to recalibrate: the same probe reads every method.

Shapes: N test examples, B bins.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import Column, ModelMetric, ModelView, Outcome
from benchmark.scoring.metric_names import PROBE_CONFIDENCE, PROBE_PREDICTION
from benchmark.spec import Evaluation


def expected_calibration_error(confidence_N: NDArray[Any], correct_N: NDArray[np.bool_], bins: int = 15) -> float:
    """Return `sum_b n_b / N |accuracy_b - confidence_b|` over B equal-width bins of confidence.

    Bin b holds confidences in ((b - 1) / B, b / B]; 0 belongs to the first. Empty bins add nothing; NaN for N = 0.

    Args:
        confidence_N: (N,), probability of the predicted class, in [0, 1].
        correct_N: bool (N,), whether the prediction is right.
        bins: B.

    Returns:
        In [0, 1], lower is better.

    Raises:
        ValueError: if a confidence is outside [0, 1] or shapes differ.

    Source:
        Guo et al. 2017 (arXiv 1706.04599), equation 3, with its 15 bins.

    Example:
        >>> expected_calibration_error(np.array([0.75, 0.75, 0.5]), np.array([True, False, True]), bins=4)
        0.3333333333333333
    """
    if confidence_N.shape != correct_N.shape or not ((confidence_N >= 0) & (confidence_N <= 1)).all():
        raise ValueError(
            f"calibration: expected confidences in [0, 1] and as many outcomes, got {confidence_N.shape}, "
            f"{correct_N.shape}"
        )
    if not len(confidence_N):
        return math.nan
    confidence_N = confidence_N.astype(np.float64)
    edges = np.arange(1, bins) / bins
    bin_N = np.searchsorted(edges, confidence_N, side="left")
    excess_B = np.bincount(bin_N, weights=confidence_N - correct_N, minlength=bins)
    return float(np.abs(excess_B).sum() / len(confidence_N))


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    confidence_N = earlier.examples[PROBE_CONFIDENCE].clip(0, 1)  # older outcomes may hold a certain prediction above 1
    correct_N = earlier.examples[PROBE_PREDICTION] == view.test_labels
    return Outcome(
        {
            "calibration/error": expected_calibration_error(confidence_N, correct_N, evaluation.calibration.bins),
            "calibration/overconfidence": float(confidence_N.mean(dtype=np.float64) - correct_N.mean()),
        }
    )


METRIC = ModelMetric(
    name="calibration",
    version=2,
    settings=lambda evaluation: {
        "linear": evaluation.linear.model_dump(mode="json"),
        "calibration": evaluation.calibration.model_dump(mode="json"),
    },
    measure=_measure,
    columns=(
        Column(
            name="calibration/error",
            title="Calibration error",
            better="lower",
            description="Expected calibration error of the linear probe: mean distance between confidence and accuracy "
            "over equal-width bins of confidence, in [0, 1].",
        ),
        Column(
            name="calibration/overconfidence",
            title="Overconfidence",
            better="neither",
            description="Mean confidence of the linear probe minus its accuracy, in [-1, 1].",
        ),
    ),
)
