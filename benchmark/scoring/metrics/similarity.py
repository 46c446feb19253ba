"""How similar two representations of the same images are: linear CKA against the dense model, beside another seed's.

It owns the similarity index. It refuses to compare examples pair by pair: nothing of size N x N is ever formed.

Shapes: N test examples, D and E features of the two representations.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import FINAL_FEATURES, INPUT, Column, Features, ModelMetric, ModelView, Outcome
from benchmark.scoring.metrics.geometry import centred_varying
from benchmark.spec import Evaluation

Doubles = NDArray[np.float64]


def linear_cka(first_ND: Features | Doubles, second_NE: Features | Doubles) -> float:
    """Return `||Y^T X||_F^2 / (||X^T X||_F ||Y^T Y||_F)` for features X and Y centred over the examples, in float64.

    Invariant to rotations and to one scale and shift of either representation, not to scales of single features.

    Args:
        first_ND: (N, D) features X.
        second_NE: (N, E) features Y of the same examples, in the same order.

    Returns:
        In [0, 1], 1 for the same representation up to rotation and scale. 0 where either does not vary over the
        examples (beyond float32 rounding, as `metrics.geometry.varying_features` has it): it shares nothing.
        NaN where a feature is not finite.

    Raises:
        ValueError: if the numbers of examples differ or there is none.

    Source:
        Kornblith et al. 2019 (arXiv 1905.00414), section 3: linear CKA in its feature-space form. Deviation: the
        index is undefined (0 / 0) for a constant representation; 0 keeps a collapsed layer visible in averages.

    Example:
        >>> features = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
        >>> round(linear_cka(features, 3 * features[:, ::-1] + 1), 6), linear_cka(features, np.ones((3, 4)))
        (1.0, 0.0)
    """
    if len(first_ND) != len(second_NE) or not len(first_ND):
        raise ValueError(f"CKA: expected the same N >= 1 examples twice, got {len(first_ND)} and {len(second_NE)}")
    if not (np.isfinite(first_ND).all() and np.isfinite(second_NE).all()):
        return math.nan
    first_ND, second_NE = centred_varying(first_ND), centred_varying(second_NE)
    if not first_ND.size or not second_NE.size:
        return 0.0
    # Unit Frobenius norm first: products of huge or tiny features neither overflow nor vanish.
    first_ND, second_NE = first_ND / np.linalg.norm(first_ND), second_NE / np.linalg.norm(second_NE)
    shared = float(np.linalg.norm(second_NE.T @ first_ND)) ** 2
    own = float(np.linalg.norm(first_ND.T @ first_ND)) * float(np.linalg.norm(second_NE.T @ second_NE))
    return min(shared / own, 1.0)


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    """Compare this model with its dense parent at every probe point but the input, which all models share."""
    dense, other = view.dense_test(), view.other_dense_test()
    points = [point for point in view.test if point != INPUT]
    values = {f"cka/{point}": linear_cka(view.test[point], dense[point]) if dense else math.nan for point in points}
    both = dense and other  # a dense model may have failed
    values["cka_other_seed/features"] = linear_cka(dense[FINAL_FEATURES], other[FINAL_FEATURES]) if both else math.nan
    return Outcome(values)


METRIC = ModelMetric(
    name="cka",
    version=1,
    settings=lambda evaluation: None,
    reads_dense=True,
    measure=_measure,
    columns=(
        Column(
            name="cka/features",
            title="CKA to dense",
            better="higher",
            description="Linear CKA of the final test features with those of the dense model of the same seed, in "
            "[0, 1]; 1 is the same representation up to rotation and scale. Read beside the CKA of two seeds.",
        ),
        Column(
            name="cka/<probe>",
            title="CKA at a probe point",
            better="higher",
            description="Linear CKA with the dense model of the same seed at one probe point, in [0, 1]; 0 where the "
            "representation does not vary over images.",
        ),
        Column(
            name="cka_other_seed/features",
            title="CKA of two seeds",
            better="neither",
            description="Baseline: linear CKA of the final test features of two dense models, the one of this seed and "
            "the one of the next, in [0, 1]; a pruned model below it is further from its parent than a stranger is.",
        ),
    ),
)
