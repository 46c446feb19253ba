"""Exact nearest neighbours in chunks, and the weighted kNN probe that votes with them.

The order of neighbours, ties included, is decided in `neighbour_order`. It refuses to approximate: an index that
misses neighbours would change the metric.

Shapes: M training examples, N test examples, n of one chunk, D features, k neighbours, C classes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.scoring.compute import ON_CPU, Compute, Device
from benchmark.scoring.metric import FINAL_FEATURES, Column, Features, Labels, ModelMetric, ModelView, Outcome
from benchmark.scoring.probes.neighbour_order import nearest_columns
from benchmark.spec import Evaluation

CHUNK_BYTES = 16 * 2**20
"""Bytes of one chunk of gathered neighbours, or of votes."""


def nearest(
    train_MD: Features, test_ND: Features, k: int, metric: Literal["cosine", "euclidean"], compute: Compute = ON_CPU
) -> NDArray[np.int64]:
    """Find the k nearest training examples of every test example.

    `cosine` orders by `-<a, b> / (|a| |b|)`, `euclidean` by `|a - b|^2`, both in float64, exactly (all pairs, in
    chunks of test examples). Ties go to the lower training index. A zero vector has similarity 0 to everything. The
    neighbours are the same on every device and for every size of chunks, unless a gap equals the resolution itself.

    Args:
        train_MD: float32 (M, D), finite.
        test_ND: float32 (N, D), finite.
        k: number of neighbours, at least 1; M where that is less.
        metric: what is near.
        compute: where, and how large a chunk of the float64 distance matrix is.

    Returns:
        int64 (N, min(k, M)), indices in [0, M), nearest first.

    Raises:
        ValueError: if there is no training example, k < 1, the numbers of features differ or one is not finite.

    Example:
        >>> train = np.array([[0.0], [2.0], [2.0], [9.0]], np.float32)
        >>> nearest(train, np.array([[1.0], [8.0]], np.float32), 3, "euclidean").tolist()
        [[0, 1, 2], [3, 1, 2]]
    """
    if k < 1 or not len(train_MD) or train_MD.shape[1:] != test_ND.shape[1:]:
        raise ValueError(f"nearest: expected k >= 1, (M >= 1, D), (N, D), got {k}, {train_MD.shape}, {test_ND.shape}")
    for what, features in (("training", train_MD), ("test", test_ND)):
        if not np.isfinite(features).all():
            raise ValueError(f"nearest: expected finite {what} features, got NaN or infinity")
    # Distances do not depend on the origin; vectors from the mean are short, so that less of them cancels.
    origin_D = torch.from_numpy(train_MD.mean(axis=0, dtype=np.float64)) if metric == "euclidean" else None
    train, k = _prepared(train_MD, origin_D, compute.device), min(k, len(train_MD))
    squares_M = train.square().sum(dim=1)
    found_Nk = np.empty((len(test_ND), k), np.int64)
    chunk = max(1, compute.chunk_bytes // (8 * len(train_MD)))
    for start in range(0, len(test_ND), chunk):
        test = _prepared(test_ND[start : start + chunk], origin_D, compute.device)
        squares_n1 = test.square().sum(dim=1, keepdim=True)
        if metric == "cosine":
            distance_nM = test.neg() @ train.T
        else:
            distance_nM = torch.addmm(squares_M, test, train.T, alpha=-2).add_(squares_n1)
        found_Nk[start : start + chunk] = nearest_columns(distance_nM, squares_n1, k).cpu().numpy()
    return found_Nk


def cosine_similarity(train_MD: Features, test_ND: Features, index_Nk: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cosine of the angle between every test example and the training examples at `index_Nk`, (N, k)."""
    train, test = (_prepared(features, None, "cpu").numpy() for features in (train_MD, test_ND))
    similarity_Nk = np.empty(index_Nk.shape)
    chunk = max(1, CHUNK_BYTES // (8 * max(1, index_Nk.shape[1] * train.shape[1])))
    for start in range(0, len(test), chunk):
        rows = slice(start, start + chunk)
        similarity_Nk[rows] = np.einsum("nd,nkd->nk", test[rows], train[index_Nk[rows]])
    return similarity_Nk


def vote(
    labels_Nk: Labels, weights_Nk: NDArray[np.float64] | None, num_classes: int
) -> NDArray[np.int64]:
    """Return the class with the largest sum of weights, int64 (N,); ties go to the lowest class.

    Args:
        labels_Nk: int64 (N, k), labels of the neighbours, in [0, C).
        weights_Nk: float64 (N, k); without weights every neighbour counts once.
        num_classes: C.
    """
    winner_N = np.empty(len(labels_Nk), np.int64)
    chunk = max(1, CHUNK_BYTES // (8 * num_classes))
    for start in range(0, len(labels_Nk), chunk):
        labels_nk = labels_Nk[start : start + chunk]
        cells = (np.arange(len(labels_nk))[:, None] * num_classes + labels_nk).ravel()
        weights = None if weights_Nk is None else weights_Nk[start : start + chunk].ravel()
        votes = np.bincount(cells, weights, minlength=len(labels_nk) * num_classes)
        winner_N[start : start + chunk] = votes.reshape(-1, num_classes).argmax(axis=1)
    return winner_N


def knn_predictions(
    train_MD: Features, labels_M: Labels, test_ND: Features, num_classes: int, k: int = 20, temperature: float = 0.07,
    compute: Compute = ON_CPU,
) -> NDArray[np.int64]:  # fmt: skip
    """Predict by a vote of the k nearest training examples with weight `exp(cosine similarity / temperature)`.

    Edge cases: with M < k all M vote; a zero vector has similarity 0 to everything, so the first k training examples
    vote equally; equal votes go to the lowest class; a class absent from training is never predicted.

    Args:
        train_MD: float32 (M, D), clean training features.
        labels_M: int64 (M,), values in [0, C).
        test_ND: float32 (N, D).
        num_classes: C.
        k: neighbours.
        temperature: positive, at least 0.01 or weights overflow.
        compute: where neighbours are searched.

    Returns:
        int64 (N,), values in [0, C).

    Source:
        Wu et al. 2018 (arXiv 1805.01978), section 3.4, weights as in its code and the DINO protocol (Caron et al.
        2021). Deviation: k = 20 instead of 200, and a stated tie rule. Not invariant to the scale of single features.

    Example:
        >>> train = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], np.float32)
        >>> knn_predictions(train, np.array([2, 2, 0]), np.array([[3.0, 1.0]], np.float32), 3, k=2).tolist()
        [2]
    """
    index_Nk = nearest(train_MD, test_ND, k, "cosine", compute)
    weights_Nk = np.exp(cosine_similarity(train_MD, test_ND, index_Nk) / temperature)
    return vote(labels_M[index_Nk], weights_Nk, num_classes)


def _prepared(features_ND: Features, origin_D: Tensor | None, device: Device) -> Tensor:
    """Convert to float64 there, relative to an origin, or of unit length if there is none."""
    features = torch.from_numpy(features_ND).to(device).to(torch.float64, copy=True)
    if origin_D is not None:
        return features.sub_(origin_D.to(device))
    norm_N1 = features.norm(dim=1, keepdim=True)
    return features.div_(torch.where(norm_N1 > 0, norm_N1, 1.0))


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    settings = evaluation.knn
    predicted_N = knn_predictions(
        view.train[FINAL_FEATURES], view.train_labels, view.test[FINAL_FEATURES], view.num_classes,
        settings.k, settings.temperature, view.compute,
    )  # fmt: skip
    prediction = predicted_N.astype(np.min_scalar_type(view.num_classes - 1))
    return Outcome({"knn/accuracy": float((predicted_N == view.test_labels).mean())}, {"knn/prediction": prediction})


METRIC = ModelMetric(
    name="knn",
    version=1,
    settings=lambda evaluation: evaluation.knn,
    measure=_measure,
    columns=(
        Column(
            name="knn/accuracy",
            title="kNN accuracy",
            better="higher",
            description="Share of test images that a weighted vote of the nearest training images (cosine) classifies "
            "correctly, in [0, 1].",
        ),
    ),
)
