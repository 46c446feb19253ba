"""The data term of the linear probe, mean cross-entropy and its slopes, by numpy on a processor or by torch on a GPU.

It owns one formula in two libraries, held to each other by tests. It refuses to know penalties and optimisers.

Shapes: M training examples, A features, P classes.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.scoring.compute import Compute

Doubles = NDArray[np.float64]


class Slopes(NamedTuple):
    """Mean cross-entropy of `softmax(W z + b)`, and its gradient by W (P, A) and by b (P,)."""

    loss: float
    weights_PA: Doubles
    bias_P: Doubles


class CrossEntropy(Protocol):
    """Reads a classifier, weights (P, A) and bias (P,), on the examples that it was made of."""

    def __call__(self, weights_PA: Doubles, bias_P: Doubles) -> Slopes:
        """Return loss and slopes."""
        ...


def cross_entropy(features_AM: Doubles, one_hot_PM: Doubles, compute: Compute) -> CrossEntropy:
    """Put examples where they are read: features (A, M), and 1 at the class of each example, (P, M), else 0."""
    if compute.device == "cpu":
        return OnProcessor(features_AM, one_hot_PM)
    return OnDevice(features_AM, one_hot_PM, compute.device)


class OnProcessor:
    """The formula in numpy."""

    def __init__(self, features_AM: Doubles, one_hot_PM: Doubles) -> None:
        self._features_AM, self._one_hot_PM = features_AM, one_hot_PM

    def __call__(self, weights_PA: Doubles, bias_P: Doubles) -> Slopes:
        """Return loss and slopes."""
        num_examples = self._one_hot_PM.shape[1]
        scores_PM = weights_PA @ self._features_AM
        scores_PM += bias_P[:, None]
        scores_PM -= scores_PM.max(axis=0)  # so that exp cannot overflow
        target_score = np.vdot(self._one_hot_PM, scores_PM)
        np.exp(scores_PM, out=scores_PM)
        total_M = scores_PM.sum(axis=0)
        loss = (np.log(total_M).sum() - target_score) / num_examples
        scores_PM /= total_M
        scores_PM -= self._one_hot_PM
        scores_PM /= num_examples
        return Slopes(loss, scores_PM @ self._features_AM.T, scores_PM.sum(axis=1))


class OnDevice:
    """The formula in torch, float64 all the same: examples stay on the device, only classifiers and slopes travel."""

    def __init__(self, features_AM: Doubles, one_hot_PM: Doubles, device: str) -> None:
        self._features_AM, self._one_hot_PM = (torch.from_numpy(each).to(device) for each in (features_AM, one_hot_PM))

    def __call__(self, weights_PA: Doubles, bias_P: Doubles) -> Slopes:
        """Return loss and slopes."""
        num_classes, num_features = weights_PA.shape
        classifier = torch.from_numpy(np.column_stack([weights_PA, bias_P])).to(self._features_AM.device)
        flat = self._flat_slopes(classifier).cpu().numpy()  # one wait for the device, not three
        slope_PA = flat[1 : 1 + weights_PA.size].reshape(num_classes, num_features)
        return Slopes(float(flat[0]), slope_PA, flat[-num_classes:])

    def _flat_slopes(self, classifier: Tensor) -> Tensor:
        num_examples = self._one_hot_PM.shape[1]
        scores_PM = torch.addmm(classifier[:, -1:], classifier[:, :-1], self._features_AM)
        scores_PM -= scores_PM.amax(dim=0)
        target_score = (self._one_hot_PM * scores_PM).sum()
        scores_PM.exp_()
        total_M = scores_PM.sum(dim=0)
        loss = (total_M.log().sum() - target_score) / num_examples
        scores_PM.div_(total_M).sub_(self._one_hot_PM).div_(num_examples)
        slope_PA, slope_P = scores_PM @ self._features_AM.T, scores_PM.sum(dim=1)
        return torch.cat([loss.reshape(1), slope_PA.flatten(), slope_P])
