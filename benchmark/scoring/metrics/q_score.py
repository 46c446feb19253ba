"""Q-Score: two published formulas of one name that guess from a representation alone whether it will be classified.

It owns both, kept apart, and how well each foresees the probe. It refuses to average them or to call one of them
"the" Q-Score.

Shapes: N test examples, n of one chunk, D features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmark.scoring.metric import (
    FINAL_FEATURES,
    CellMetric,
    CellView,
    Column,
    Estimate,
    Features,
    ModelMetric,
    ModelView,
    Outcome,
)
from benchmark.scoring.metric_names import PROBE_PREDICTION, Q_SCORE_2022, Q_SCORE_2024
from benchmark.scoring.metrics.pie_split import split_by_pie
from benchmark.scoring.score_math import as_kept
from benchmark.spec import Evaluation

Doubles = NDArray[np.float64]

DEVIATIONS = 4.0
"""Standard deviations above the mean of its example at which a feature is active (2024)."""

ACTIVE_PERCENTILES = (50.0, 95.0)
"""Features count whose share of activations lies between these percentiles over features, both included (2024)."""

FORMS = {"2022": Q_SCORE_2022, "2024": Q_SCORE_2024}

CHUNK_EXAMPLES = 8192
"""Examples in float64 at a time."""


def q_score_2022(features_ND: Features) -> Doubles:
    """Q-Score of the first version: `Q = z / ||h||_1`, `z = (max_j h_j - mean_j h) / std_j h`, with h of unit L2 norm.

    `std` is the population's. Undefined (NaN) for constant h, which includes zero vectors and D = 1. For non-negative h
    it is at most sqrt(D - 1), reached by a single active feature. Not comparable across D. Higher is better.

    Args:
        features_ND: float32 (N, D), finite, un-normalised.

    Returns:
        float64 (N,), positive or NaN.

    Source:
        Kalibhat et al. 2022 (arXiv 2203.01881 v1, code), the form Corti et al. 2022 used.

    Example:
        >>> q_score_2022(np.array([[0, 5, 0, 0, 0], [2, 2, 2, 2, 2]], np.float32)).round(6).tolist()
        [2.0, nan]
    """
    return _by_chunks(features_ND, _q_score_2022)


def _q_score_2022(h_nD: Doubles) -> Doubles:
    largest_n = h_nD.max(axis=1)
    varies_n = largest_n > h_nD.min(axis=1)  # exact: the standard deviation of equal numbers can round away from zero
    score_n = np.full(len(h_nD), np.nan)
    unit_vD = h_nD[varies_n] / np.linalg.norm(h_nD[varies_n], axis=1, keepdims=True)
    standardised_v = (unit_vD.max(axis=1) - unit_vD.mean(axis=1)) / unit_vD.std(axis=1)
    score_n[varies_n] = standardised_v / np.abs(unit_vD).sum(axis=1)
    return score_n


def q_score_2024(features_ND: Features) -> tuple[Doubles, NDArray[np.bool_]]:
    """Q-Score of the later version: mean excess of the active features that are neither rare nor always active.

    `L_i = {j : h_ij > mean_i + 4 std_i}` (over features, population std); `A_j` = share of examples with j in L_i;
    `D*` = features with A_j between the 50th and the 95th percentile over features, both included, percentiles
    interpolated linearly; `Q_i = mean_{j in L_i and D*} (h_ij - mean_i)`, 0 where that set is empty (our rule).
    A feature can exceed mean + 4 std only if D > 17: below, everything is empty.

    Args:
        features_ND: float32 (N, D), finite, un-normalised; A_j is taken over these N examples.

    Returns:
        float64 (N,), at least 0, and bool (N,), where the set is empty.

    Source:
        Kalibhat et al., AAAI 2024 version of arXiv 2203.01881. Unverified: written from a secondary source, the paper
        was not available in full; whether the percentiles belong to D* and the rule for an empty set are ours.

    Example:
        >>> features = np.zeros((2, 20), np.float32)
        >>> features[0, 3] = 20
        >>> scores, empty = q_score_2024(features)
        >>> scores.tolist(), empty.tolist()
        ([0.0, 0.0], [True, True])
    """
    num_examples, num_features = features_ND.shape
    # The largest of D numbers is at most sqrt(D - 1) deviations above their mean; rounding must not decide at D = 17.
    if not num_examples or num_features - 1 <= DEVIATIONS**2:
        return np.zeros(num_examples), np.ones(num_examples, bool)
    counts_D = np.zeros(num_features, np.int64)
    for start in range(0, num_examples, CHUNK_EXAMPLES):
        counts_D += _active(features_ND[start : start + CHUNK_EXAMPLES].astype(np.float64))[1].sum(axis=0)
    # Percentiles of counts, not of shares: interpolating between equal integers is exact.
    low, high = np.percentile(counts_D, ACTIVE_PERCENTILES)
    kept_D = (low <= counts_D) & (counts_D <= high)

    def scores(h_nD: Doubles) -> Doubles:
        excess_nD, active_nD = _active(h_nD)
        counted_nD = active_nD & kept_D
        sizes_n = counted_nD.sum(axis=1)
        sums_n = np.where(counted_nD, excess_nD, 0.0).sum(axis=1)
        return np.divide(sums_n, sizes_n, out=np.full(len(sizes_n), np.nan), where=sizes_n > 0)

    scores_N = _by_chunks(features_ND, scores)
    empty_N = np.isnan(scores_N)
    return np.where(empty_N, 0.0, scores_N), empty_N


def _active(h_nD: Doubles) -> tuple[Doubles, NDArray[np.bool_]]:
    excess_nD = h_nD - h_nD.mean(axis=1, keepdims=True)
    return excess_nD, excess_nD > DEVIATIONS * h_nD.std(axis=1, keepdims=True)


def auroc(scores_N: Doubles, positive_N: NDArray[np.bool_]) -> float:
    """Return the probability that a positive example scores above a negative one, ties counted half.

    Area under the receiver operating characteristic by ranks (Mann & Whitney). NaN where either class is empty.
    Examples with an undefined (NaN) score are left out.

    Example:
        >>> auroc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
        0.875
    """
    defined_N = ~np.isnan(scores_N)
    positive = positive_N[defined_N]
    num_positive, num_negative = int(positive.sum()), int((~positive).sum())
    if not num_positive or not num_negative:
        return math.nan
    ranks = rankdata(scores_N[defined_N])
    return float((ranks[positive].sum() - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative))


def _by_chunks(features_ND: Features, score: Callable[[Doubles], Doubles]) -> Doubles:
    scores_N = np.empty(len(features_ND))
    for start in range(0, len(features_ND), CHUNK_EXAMPLES):
        rows = slice(start, start + CHUNK_EXAMPLES)
        scores_N[rows] = score(features_ND[rows].astype(np.float64))
    return scores_N


def summarise(examples: Mapping[str, NDArray[Any]], correct_N: NDArray[np.bool_]) -> dict[str, float]:
    """Return the numbers of one model that its scores determine, as far as it has them.

    Args:
        examples: the scores as they are kept, (N,) each, by name.
        correct_N: which images the linear probe gets right.

    Returns:
        Mean and AUROC of each form, and the share of images for which the form of 2022 is undefined.
    """
    found: dict[str, float] = {}
    for form, name in FORMS.items():
        if name in examples:
            score_N = examples[name].astype(np.float64)
            defined_N = ~np.isnan(score_N)
            found[f"q_score_{form}/mean"] = float(score_N[defined_N].mean()) if defined_N.any() else math.nan
            found[f"q_score_{form}/auroc"] = auroc(score_N, correct_N)
            if form == "2022":
                found["q_score_2022/undefined"] = float((~defined_N).mean())
    return found


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    features_ND = view.test[FINAL_FEATURES]
    scores_N, empty_N = q_score_2024(features_ND)
    examples = {Q_SCORE_2022: as_kept(q_score_2022(features_ND)), Q_SCORE_2024: as_kept(scores_N)}
    values = summarise(examples, earlier.examples[PROBE_PREDICTION] == view.test_labels)
    return Outcome(values | {"q_score_2024/empty": float(empty_N.mean())}, examples)


def _measure_cell(cell: CellView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    estimates: dict[str, Estimate] = {}
    for form, name in FORMS.items():
        for part, estimate in split_by_pie(cell, name, evaluation.bootstrap.confidence).items():
            estimates[f"q_score_{form}/{part}"] = estimate
    return estimates


def _columns(form: str) -> tuple[Column, ...]:
    title = f"Q-Score {form}" + (" (unverified)" if form == "2024" else "")

    def column(part: str, heading: str, description: str, better: Literal["higher", "neither"] = "higher") -> Column:
        return Column(name=f"q_score_{form}/{part}", title=title + heading, better=better, description=description)

    counted = {
        "2022": column(
            "undefined", ", undefined", "Share of test images whose features are constant, so that the 2022 Q-Score is "
            "undefined, in [0, 1]; they are left out of its mean and AUROC.", "neither",
        ),
        "2024": column(
            "empty", ", empty", "Share of test images without a feature that counts for the 2024 Q-Score, which is 0 "
            "for them, in [0, 1]; always 1 with 17 features or fewer.", "neither",
        ),
    }  # fmt: skip
    return (
        column("mean", "", f"Mean {form} Q-Score of the test images; not comparable across numbers of features."),
        counted[form],
        column(
            "auroc", ", AUROC", f"Probability that the {form} Q-Score ranks an image that the linear probe gets right "
            "above one that it gets wrong, in [0, 1]; .5 is guessing, undefined where the probe has only one of them.",
        ),
    )  # fmt: skip


def _cell_columns(form: str) -> tuple[Column, ...]:
    def column(part: str, heading: str, description: str) -> Column:
        title = f"Q-Score {form}, {heading}"
        return Column(name=f"q_score_{form}/{part}", title=title, better="neither", description=description)

    return (
        column("shift", "shift", f"Mean {form} Q-Score of the pruned models minus that of their dense parents."),
        column("pie", "on PIEs", f"Mean {form} Q-Score of the pruned models on Pruning Identified Exemplars."),
        column("not_pie", "elsewhere", f"Mean {form} Q-Score of the pruned models on all other test images."),
        column("dense_pie", "on PIEs, dense", f"Mean {form} Q-Score of the dense models on PIEs."),
        column("dense_not_pie", "elsewhere, dense", f"Mean {form} Q-Score of the dense models on other test images."),
    )


METRIC = ModelMetric(
    name="q_score",
    version=2,
    settings=lambda evaluation: evaluation.linear,
    measure=_measure,
    columns=(*_columns("2022"), *_columns("2024")),
)

CELL_METRIC = CellMetric(
    name="q_score_pie", version=2, measure=_measure_cell, columns=(*_cell_columns("2022"), *_cell_columns("2024"))
)
