"""How the naive peer scores a trained encoder: scikit-learn's probes on features that a DataLoader brought.

It has the three metrics that scikit-learn offers: a linear probe, nearest neighbours and, from these, prediction
depth. It lacks the benchmark's other metrics (corruptions, geometry, CKA, Q-Score, ...).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader

from benchmark.encoder import Encoder
from benchmark.spec import Evaluation

Features = dict[str, NDArray[np.float32]]
Predictions = NDArray[np.int64]

BATCH = 128
"""Images per forward pass, as in training."""


@dataclass(frozen=True)
class ProbeResults:
    """Predictions (N,) of the linear probe and of kNN for one model, and the prediction depth (N,) of images."""

    linear: Predictions
    knn: Predictions
    depth: Predictions

    def accuracy(self, labels: NDArray[np.int64]) -> float:
        """Share of images that the linear probe classifies correctly."""
        return float((self.linear == labels).mean())


def features_of(encoder: Encoder, images: NDArray[np.uint8]) -> Features:
    """Encode images at every probe point, (N, D_p) each."""
    encoder.eval()
    pixels = torch.from_numpy(images).float() / 255
    loader: DataLoader[torch.Tensor] = DataLoader(pixels, BATCH)  # pyright: ignore[reportArgumentType] - it has items
    found: dict[str, list[NDArray[np.float32]]] = {}
    with torch.no_grad():
        for batch in loader:
            for name, values in encoder.probe_points(batch).items():
                found.setdefault(name, []).append(values.numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def read_naively(
    train: Features, test: Features, labels: NDArray[np.int64], evaluation: Evaluation
) -> ProbeResults:
    """Read one model by the formulas of docs/metrics.md, with scikit-learn."""
    final_train, final_test = train["features"], test["features"]
    linear = LogisticRegression(C=1 / (float(evaluation.linear.l2) * len(labels)), max_iter=10_000)
    predicted = make_pipeline(StandardScaler(), linear).fit(final_train, labels).predict(final_test)
    temperature = evaluation.knn.temperature
    voting = KNeighborsClassifier(
        evaluation.knn.k, metric="cosine", algorithm="brute",
        weights=lambda far: np.exp((1 - far) / temperature),  # pyright: ignore[reportArgumentType] - stubs know names
    )  # fmt: skip
    by_neighbours = voting.fit(final_train, labels).predict(final_test)
    layers = [
        KNeighborsClassifier(evaluation.depth.k, algorithm="brute").fit(train[name], labels).predict(test[name])
        for name in test
    ]
    disagrees = np.stack([*layers, predicted]) != predicted
    return ProbeResults(predicted, by_neighbours, (np.arange(1, len(disagrees) + 1)[:, None] * disagrees).max(axis=0))
