"""What the linear probes of one cell predict for every test example, and the labels that most models agree on. Pure.

It reads no file: `leaderboard.reading.outcomes` does.

Shapes: K models, N test examples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.score_math import label_histogram, modal_labels

CellKey = tuple[str, str, float]
"""Task, schedule, sparsity."""


def cell_key(task: str, schedule: str, sparsity: float) -> CellKey:
    """Return the key of a cell; sparsities are rounded, so that one computed twice is found."""
    return task, schedule, round(sparsity, 9)


@dataclass(frozen=True)
class Predictions:
    """What the linear probes of one cell predict for the test examples.

    Attributes:
        predicted_KN: class per model and example, int64 (K, N), models in the order of their seeds.
        label_N: true classes, int64 (N,).
    """

    predicted_KN: NDArray[np.int64]
    label_N: NDArray[np.int64]

    @property
    def correct(self) -> NDArray[np.float64]:
        """1 where a prediction is right, else 0, float64 (K, N)."""
        return (self.predicted_KN == self.label_N).astype(np.float64)

    @property
    def modal(self) -> NDArray[np.int64]:
        """Most frequent prediction per example, ties to the lowest class, int64 (N,)."""
        return modal_labels(self.predicted_KN, int(self.predicted_KN.max()) + 1)

    @property
    def is_tied(self) -> NDArray[np.bool_]:
        """Whether several classes are predicted equally often and most often, per example, bool (N,)."""
        counts_NC = label_histogram(self.predicted_KN, int(self.predicted_KN.max()) + 1)
        return (counts_NC == counts_NC.max(axis=1, keepdims=True)).sum(axis=1) > 1

    def is_of_same_examples(self, other: Predictions) -> bool:
        """Whether both were read on the same test examples, as far as their true classes tell."""
        return np.array_equal(self.label_N, other.label_N)
