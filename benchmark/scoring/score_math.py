"""Formulas that the scorer and the board both compute: the ranked number, modal labels, the t interval over models.

It needs numpy alone, so that a board computes the same numbers without torch.

Shapes: J sparsities, K models, N test examples, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def chance_corrected(accuracy: Any, chance: Any) -> Any:
    """Return `(accuracy - chance) / (1 - chance)`, element by element: 1 is perfect, 0 is guessing.

    Example:
        >>> chance_corrected(0.5, 0.5)
        0.0
    """
    return (accuracy - chance) / (1 - chance)


def log2_compression(sparsity: float) -> float:
    """Return the place of a sparsity in [0, 1) on the axis of the robustness score: log2(1 / (1 - sparsity)).

    Example:
        >>> log2_compression(0.75)
        2.0
    """
    return -math.log2(1 - sparsity)


def compression_weights(sparsities: Sequence[float]) -> NDArray[np.float64]:
    """Return the weight of every sparsity in `area_over_compression`, float64 (J,); they sum to 1.

    Example:
        >>> compression_weights([0.5, 0.75, 0.875]).tolist()
        [0.25, 0.5, 0.25]
    """
    places = np.array([log2_compression(sparsity) for sparsity in sparsities])
    if len(places) == 1:
        return np.ones(1)
    halves = np.diff(places) / 2 / (places[-1] - places[0])
    return np.append(halves, 0.0) + np.append(0.0, halves)


def area_over_compression(sparsities: Sequence[float], heights: Sequence[float]) -> float:
    """Return the mean height over log2 compression by the trapezoid rule; one point gives its height.

    Example:
        >>> area_over_compression([0.5, 0.75, 0.875], [1.0, 0.5, 0.0])
        0.5
    """
    return float(np.dot(compression_weights(sparsities), heights))


def modal_labels(labels_KN: NDArray[Any], num_classes: int) -> NDArray[np.int64]:
    """Return the most frequent label of every example, ties to the lowest class, int64 (N,).

    Example:
        >>> modal_labels(np.array([[0, 2], [1, 2], [1, 0]]), 3).tolist()
        [1, 2]
    """
    return np.stack([(labels_KN == label).sum(axis=0) for label in range(num_classes)]).argmax(axis=0)


def t_interval(samples_K: NDArray[np.float64], confidence: float) -> tuple[float, float] | None:
    """Return Student's t interval of a mean over models; None below two models.

    Args:
        samples_K: float64 (K,), one number per model.
        confidence: nominal coverage in (0, 1).
    """
    from scipy.special import stdtrit  # here, because the first page of a server does without it and would wait

    if len(samples_K) < 2:
        return None
    mean = float(samples_K.mean())
    half = float(stdtrit(len(samples_K) - 1, (1 + confidence) / 2) * samples_K.std(ddof=1) / math.sqrt(len(samples_K)))
    return mean - half, mean + half
