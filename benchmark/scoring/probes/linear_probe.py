"""The linear probe, which turns any representation, supervised or not, into predictions.

It owns the fit and its predictions. It refuses to know populations, sparsity and pruning.

Shapes: M training examples, N test examples, D features, A features that vary, C classes, P classes that occur.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize  # pyright: ignore[reportUnknownVariableType]

from benchmark.scoring.compute import ON_CPU, Compute
from benchmark.scoring.metric import (
    FINAL_FEATURES,
    Column,
    Features,
    Labels,
    ModelMetric,
    ModelView,
    Outcome,
)
from benchmark.scoring.metric_names import PROBE_ACCURACY, PROBE_CONFIDENCE, PROBE_PREDICTION, PROBE_TRUE_PROBABILITY
from benchmark.scoring.probes.cross_entropy import cross_entropy
from benchmark.scoring.score_math import SIGNIFICANT_BITS, as_kept
from benchmark.spec import Evaluation, LinearProbeSpec

Doubles = NDArray[np.float64]

CONSTANT_FEATURE_RATIO = 1e-6
"""A feature whose standard deviation is at most this share of its largest magnitude carries no more than float32
rounding (1.2e-7 per operation) and is dropped. Relative, because the probe does not care about a feature's scale."""

MAX_ITERATIONS = 5_000
"""L-BFGS iterations after which a fit that has not reached its tolerance is given up and reported as such."""


@dataclass(frozen=True)
class LinearProbe:
    """A fitted multinomial logistic regression, with its standardisation inside.

    Attributes:
        mean_D: float64 (D,), mean of every feature over the training examples.
        weights_DC: float64 (D, C), per unit of the *raw* feature; rows of dropped features are zero.
        bias_C: float64 (C,), logits of an example at the mean; -inf for a class that never occurred in training.
        gradient_norm: largest absolute entry of the gradient of the objective, in standardised units, at the end.
        converged: whether `gradient_norm` reached the tolerance asked for.
        num_features: A, features that vary over the training examples.
    """

    mean_D: Doubles
    weights_DC: Doubles
    bias_C: Doubles
    gradient_norm: float
    converged: bool
    num_features: int

    def logits(self, features_ND: Features | Doubles) -> Doubles:
        """Return the logits, float64 (N, C), of features (N, D); -inf for a class that never occurred in training.

        Raises:
            ValueError: if a feature is not finite.
        """
        _demand_finite(features_ND, "features to predict from")
        centred_ND = features_ND.astype(np.float64) - self.mean_D
        return centred_ND @ self.weights_DC + self.bias_C

    def probabilities(self, features_ND: Features | Doubles) -> Doubles:
        """Return the class probabilities, float64 (N, C), rows sum to 1."""
        logits_NC = self.logits(features_ND)
        odds_NC = np.exp(logits_NC - logits_NC.max(axis=1, keepdims=True))
        return odds_NC / odds_NC.sum(axis=1, keepdims=True)

    def predict(self, features_ND: Features | Doubles) -> Labels:
        """Return the most probable class, int64 (N,); ties go to the lowest class index."""
        return self.logits(features_ND).argmax(axis=1)


def fit_linear_probe(
    train_features_MD: Features | Doubles, labels_M: Labels, num_classes: int, l2: float, tolerance: float,
    compute: Compute = ON_CPU, start: LinearProbe | None = None,
) -> LinearProbe:  # fmt: skip
    """Fit multinomial logistic regression on standardised features.

    With `z` the features minus their mean over their standard deviation, minimises over W (A, C) and b (C,)::

        mean_i [ logsumexp_c(z_i W_c + b_c) - (z_i W_y + b_y) ]  +  l2 ||W||^2 / 2

    in float64 by L-BFGS from W = 0 and b = log class shares. Nothing is drawn at random: the same numbers on the same
    machine, device, libraries and thread count give the same bits.

    Edge cases: features that do not vary (see `CONSTANT_FEATURE_RATIO`) are dropped; if none varies the probe answers
    with the class shares. A class absent from `labels_M` is left out of the fit and gets probability 0, where its
    maximum-likelihood bias lies. A fit that misses the tolerance is returned with `converged` False, never raised.

    Args:
        train_features_MD: (M, D), any finite scale.
        labels_M: int (M,), values in [0, num_classes).
        num_classes: C, at least 1.
        l2: weight of the penalty, positive; the bias is free of it. scikit-learn's `C` is `1 / (l2 M)`.
        tolerance: largest absolute gradient entry, in standardised units, at which the fit counts as converged.
        compute: where sums over examples are made, in float64 everywhere; L-BFGS itself stays on the processor.
        start: a probe of the same examples at another penalty, whose weights L-BFGS starts from to be quicker.

    Raises:
        ValueError: if shapes disagree, there is no example, a label is out of range or a feature is not finite.

    Source:
        Linear evaluation protocol as in Alain & Bengio 2017 (arXiv 1610.01644) and Chen et al. 2020
        (arXiv 2002.05709). Deviation: full-batch convex fit on un-augmented, standardised features
        instead of SGD, so that the probe itself adds neither noise nor settings.

    Example:
        >>> features = np.array([[-2.0], [-1.0], [1.0], [2.0]])
        >>> probe = fit_linear_probe(features, np.array([0, 0, 1, 1]), num_classes=2, l2=1e-3, tolerance=1e-6)
        >>> probe.converged, probe.predict(np.array([[-0.5], [0.0], [0.5]])).tolist()
        (True, [0, 0, 1])
    """
    _demand_consistent(train_features_MD, labels_M, num_classes)
    raw_MD = train_features_MD.astype(np.float64)
    mean_D, deviation_D = raw_MD.mean(axis=0), raw_MD.std(axis=0)
    varying_A = np.flatnonzero(deviation_D > CONSTANT_FEATURE_RATIO * np.abs(raw_MD).max(axis=0))
    # Examples along the last axis: reductions over a handful of classes are then contiguous and five times faster.
    standardised_AM = np.ascontiguousarray(((raw_MD[:, varying_A] - mean_D[varying_A]) / deviation_D[varying_A]).T)
    present_P, targets_M = np.unique(labels_M, return_inverse=True)
    objective = _Objective(standardised_AM, targets_M, len(present_P), l2, compute)
    first = objective.start()
    if start is not None:
        weights_AP = start.weights_DC[np.ix_(varying_A, present_P)] * deviation_D[varying_A, None]
        first = np.concatenate([weights_AP.T.ravel(), start.bias_C[present_P]])
    solution = _minimise(objective, first, tolerance)
    gradient_norm = float(np.abs(objective(solution)[1]).max())
    weights_PA, bias_P = objective.unpack(solution)
    weights_DC = np.zeros((len(mean_D), num_classes))
    weights_DC[np.ix_(varying_A, present_P)] = weights_PA.T / deviation_D[varying_A, None]
    bias_C = np.full(num_classes, -np.inf)
    bias_C[present_P] = bias_P
    return LinearProbe(mean_D, weights_DC, bias_C, gradient_norm, gradient_norm <= tolerance, len(varying_A))


class _Objective:
    """Penalised mean cross-entropy and its gradient as functions of one flat vector, (P * (A + 1),): W then b."""

    def __init__(
        self, standardised_AM: Doubles, targets_M: NDArray[np.intp], num_present: int, l2: float, compute: Compute
    ) -> None:
        self.num_features, self.l2 = len(standardised_AM), l2
        one_hot_PM = (np.arange(num_present)[:, None] == targets_M).astype(np.float64)
        self.share_P = one_hot_PM.mean(axis=1)
        self.cross_entropy = cross_entropy(standardised_AM, one_hot_PM, compute)

    def unpack(self, flat: Doubles) -> tuple[Doubles, Doubles]:
        num_weights = len(self.share_P) * self.num_features
        return flat[:num_weights].reshape(len(self.share_P), -1), flat[num_weights:]

    def start(self) -> Doubles:
        return np.concatenate([np.zeros(len(self.share_P) * self.num_features), np.log(self.share_P)])

    def __call__(self, flat: Doubles) -> tuple[float, Doubles]:
        weights_PA, bias_P = self.unpack(flat)
        loss, slope_PA, slope_P = self.cross_entropy(weights_PA, bias_P)
        penalty = self.l2 / 2 * np.vdot(weights_PA, weights_PA)
        gradient_PA = slope_PA + self.l2 * weights_PA
        return float(loss + penalty), np.concatenate([gradient_PA.ravel(), slope_P])


def _minimise(objective: _Objective, first: Doubles, tolerance: float) -> Doubles:
    # ftol 0: stop on the gradient alone, so that "converged" means the same for every representation.
    options = {"gtol": tolerance, "ftol": 0.0, "maxiter": MAX_ITERATIONS, "maxfun": 2 * MAX_ITERATIONS, "maxcor": 20}
    return minimize(objective, first, jac=True, method="L-BFGS-B", options=options).x


def _demand_consistent(features_MD: Features | Doubles, labels_M: Labels, num_classes: int) -> None:
    if features_MD.ndim != 2 or labels_M.shape != features_MD.shape[:1] or not len(labels_M):
        raise ValueError(
            f"linear probe: expected features (M, D) and labels (M,) with M >= 1, got {features_MD.shape} and "
            f"{labels_M.shape}"
        )
    if labels_M.min() < 0 or labels_M.max() >= num_classes:
        raise ValueError(
            f"linear probe: expected labels in [0, {num_classes}), got {labels_M.min()} to {labels_M.max()}"
        )
    _demand_finite(features_MD, "training features")


def _demand_finite(features_ND: Features | Doubles, what: str) -> None:
    if not np.isfinite(features_ND).all():
        raise ValueError(f"linear probe: {what} contain NaN or infinity; the encoder overflows on these images")


def probe_of(view: ModelView, settings: LinearProbeSpec) -> LinearProbe:
    """Fit the probe on a model's clean training features, once for all metrics that use its predictions."""
    name = f"linear probe {settings.model_dump_json()}"
    if name not in view.shared:
        view.shared[name] = fit_linear_probe(
            view.train[FINAL_FEATURES], view.train_labels, view.num_classes, settings.l2, settings.tolerance,
            view.compute,
        )  # fmt: skip
    return view.shared[name]


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    """Fit the probe on the training features and read the test features with it."""
    test_ND = view.test[FINAL_FEATURES]
    probe = probe_of(view, evaluation.linear)
    probabilities_NC = probe.probabilities(test_ND)
    predicted_N = probe.predict(test_ND)
    values = {
        PROBE_ACCURACY: float((predicted_N == view.test_labels).mean()),
        "linear/converged": float(probe.converged),
    }
    if view.num_classes > 10:
        values["linear/top5"] = _top_accuracy(probe.logits(test_ND), view.test_labels, 5)
    rows_N = np.arange(len(predicted_N))
    examples: dict[str, NDArray[Any]] = {
        PROBE_PREDICTION: predicted_N.astype(np.min_scalar_type(view.num_classes - 1)),
        PROBE_CONFIDENCE: as_kept(probabilities_NC[rows_N, predicted_N]),
        PROBE_TRUE_PROBABILITY: as_kept(probabilities_NC[rows_N, view.test_labels]),
    }
    return Outcome(values, examples)


def _top_accuracy(logits_NC: Doubles, labels_N: Labels, depth: int) -> float:
    """Share of examples whose class is among the `depth` largest logits; ties go to the lowest class index."""
    ranked_NC = np.argsort(-logits_NC, axis=1, kind="stable")
    return float((ranked_NC[:, :depth] == labels_N[:, None]).any(axis=1).mean())


METRIC = ModelMetric(
    name="linear",
    version=1,
    # What is kept per image was float32 once: such a cache is read again, though no number of this metric differs.
    settings=lambda evaluation: {"linear": evaluation.linear.model_dump(mode="json"), "bits": SIGNIFICANT_BITS},
    measure=_measure,
    columns=(
        Column(
            name=PROBE_ACCURACY,
            title="Accuracy",
            better="higher",
            description="Share of test images that a linear probe on the frozen features classifies correctly, in "
            "[0, 1].",
        ),
        Column(
            name="linear/top5",
            title="Top-5",
            better="higher",
            description="Share of test images whose class is among the linear probe's five likeliest, in [0, 1]; only "
            "for more than 10 classes.",
        ),
        Column(
            name="linear/converged",
            title="Converged",
            better="higher",
            description="1 where the linear probe reached its gradient tolerance, 0 where it ran out of iterations; "
            "the mean over models is the share that did.",
        ),
    ),
)
