"""Prediction depth: after which layer of the network the neighbours of an example settle on an answer.

It owns the probes at every named point and both published depths. It refuses to look inside an encoder: it reads the
features that one forward pass left at the probe points.

Shapes: P probes (the probe points, then the linear probe), M training examples, N test examples, k neighbours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.compute import ON_CPU, Compute
from benchmark.scoring.metric import (
    INPUT,
    CellMetric,
    CellView,
    Column,
    Estimate,
    Features,
    Labels,
    ModelMetric,
    ModelView,
    Outcome,
)
from benchmark.scoring.metric_names import DEPTH_TO_LABEL, DEPTH_TO_PREDICTION, PROBE_PREDICTION
from benchmark.scoring.metrics.pie_split import split_by_pie
from benchmark.scoring.probes.knn import nearest, vote
from benchmark.spec import Evaluation

MAX_REMEMBERED = 2
"""Data sets whose input predictions are kept in a process."""


def depth(prediction_PN: NDArray[Any], reference_N: NDArray[Any]) -> NDArray[np.int64]:
    """Return 0 where every probe agrees with the reference, else 1 + the last (0-based) probe that disagrees with it.

    Args:
        prediction_PN: integer (P, N), predicted classes of the probes from the input to the last one.
        reference_N: integer (N,), the model's final prediction for `depth_pred`, the true label for `depth_true`.

    Returns:
        int64 (N,), in [0, P]; P only where the last probe itself disagrees.

    Source:
        Baldock, Maennel & Neyshabur 2021 (arXiv 2106.09647), section 2, for the model's prediction; the code of
        Corti et al. 2022 (PD-Score) for the true label. Deviation from that code: it cannot tell an example on which
        all layers agree from one on which only layer 0 disagrees; here they have depth 0 and 1.

    Example:
        >>> depth(np.array([[1, 0, 2], [1, 1, 0], [1, 1, 1]]), np.array([1, 1, 0])).tolist()
        [0, 1, 3]
    """
    positions_P1 = np.arange(1, len(prediction_PN) + 1)[:, None]
    return np.where(prediction_PN != reference_N, positions_P1, 0).max(axis=0, initial=0)


def probe_predictions(
    train: Mapping[str, Features],
    test: Mapping[str, Features],
    labels_M: Labels,
    final_N: NDArray[Any],
    num_classes: int,
    k: int = 30,
    compute: Compute = ON_CPU,
) -> NDArray[np.int64]:
    """Predict the test examples at every probe point, and put the linear probe's predictions last.

    At each point the k nearest training examples (Euclidean, ties to the lower index) vote with equal weight, ties to
    the lowest class. Edge cases: constant features (dead units throughout) make everything equally near, so the first
    k training examples decide; a class absent from training is never predicted.

    Args:
        train: float32 (M, D_p) per probe point, clean training images.
        test: float32 (N, D_p) per probe point; its order is the order of the probes.
        labels_M: int64 (M,).
        final_N: integer (N,), predictions of the linear probe.
        num_classes: C.
        k: neighbours.
        compute: where they are searched.

    Returns:
        int64 (P, N), P the number of probe points + 1.

    Source:
        Baldock et al. 2021, section 2: k = 30, Euclidean. Deviations: spatial maps are average-pooled except the
        input, and the last probe is a linear probe instead of the network's softmax, which not every method has.
    """
    predictions = [
        (_input_prediction if name == INPUT else _neighbour_prediction)(
            train[name], test[name], labels_M, num_classes, k, compute
        )
        for name in test
    ]
    return np.stack([*predictions, final_N.astype(np.int64)])


def _neighbour_prediction(
    train_MD: Features, test_ND: Features, labels_M: Labels, num_classes: int, k: int, compute: Compute
) -> NDArray[np.int64]:
    return vote(labels_M[nearest(train_MD, test_ND, k, "euclidean", compute)], None, num_classes)


_remembered: dict[str, NDArray[np.int64]] = {}


def _input_prediction(
    train_MD: Features, test_ND: Features, labels_M: Labels, num_classes: int, k: int, compute: Compute
) -> NDArray[np.int64]:
    """Search among raw images once per process: they have the most features, and all models share them."""
    hasher = hashlib.sha256(f"{train_MD.shape} {test_ND.shape} {num_classes} {k}".encode())
    for array in (train_MD, test_ND, labels_M):
        hasher.update(np.ascontiguousarray(array).data)
    key = hasher.hexdigest()
    if key not in _remembered:
        if len(_remembered) >= MAX_REMEMBERED:
            _remembered.pop(next(iter(_remembered)))
        _remembered[key] = _neighbour_prediction(train_MD, test_ND, labels_M, num_classes, k, compute)
    return _remembered[key]


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    final_N = earlier.examples[PROBE_PREDICTION]
    settings = evaluation.depth
    predicted_PN = probe_predictions(
        view.train, view.test, view.train_labels, final_N, view.num_classes, settings.k, view.compute
    )
    depth_type = np.min_scalar_type(len(predicted_PN))
    pred_N, true_N = (depth(predicted_PN, reference).astype(depth_type) for reference in (final_N, view.test_labels))
    values = {
        "depth/pred_mean": float(pred_N.mean()),
        "depth/true_mean": float(true_N.mean()),
        "depth/num_probes": float(len(predicted_PN)),
    }
    return Outcome(values, {DEPTH_TO_PREDICTION: pred_N, DEPTH_TO_LABEL: true_N})


def _measure_cell(cell: CellView, evaluation: Evaluation) -> Mapping[str, Estimate]:
    confidence = evaluation.bootstrap.confidence
    estimates: dict[str, Estimate] = {}
    for name in (DEPTH_TO_PREDICTION, DEPTH_TO_LABEL):
        for part, estimate in split_by_pie(cell, name, confidence).items():
            estimates[f"{name}_{part}"] = estimate
    return estimates


METRIC = ModelMetric(
    name="depth",
    version=1,
    settings=lambda evaluation: {
        "linear": evaluation.linear.model_dump(mode="json"),
        "depth": evaluation.depth.model_dump(mode="json"),
    },
    measure=_measure,
    columns=(
        Column(
            name="depth/pred_mean",
            title="Depth",
            unit="probes",
            better="lower",
            description="Mean prediction depth: the number of probes up to the last one that disagrees with the "
            "model's final prediction; at most the number of probes minus 1.",
        ),
        Column(
            name="depth/true_mean",
            title="Depth to the label",
            unit="probes",
            better="lower",
            description="Mean number of probes up to the last one that disagrees with the true label (PD-Score); at "
            "most the number of probes.",
        ),
        Column(
            name="depth/num_probes",
            title="Probes",
            better="neither",
            description="Number of probes that bounds the depth: the named probe points and the linear probe.",
        ),
    ),
)


def _cell_columns(form: str, title: str, what: str) -> tuple[Column, ...]:
    def column(part: str, heading: str, description: str) -> Column:
        name = f"depth/{form}_{part}"
        return Column(name=name, title=f"{title}, {heading}", unit="probes", better="neither", description=description)

    return (
        column("shift", "shift", f"Mean {what} of the pruned models minus that of their dense parents."),
        column("pie", "on PIEs", f"Mean {what} of the pruned models on Pruning Identified Exemplars."),
        column("not_pie", "elsewhere", f"Mean {what} of the pruned models on all other test images."),
        column("dense_pie", "on PIEs, dense", f"Mean {what} of the dense models on Pruning Identified Exemplars."),
        column("dense_not_pie", "elsewhere, dense", f"Mean {what} of the dense models on all other test images."),
    )


CELL_METRIC = CellMetric(
    name="depth_shift",
    measure=_measure_cell,
    columns=(
        *_cell_columns("pred", "Depth", "prediction depth"),
        *_cell_columns("true", "Depth to the label", "depth to the true label"),
    ),
)
