"""Cosine similarities between two sets of vectors, and which pairs of them show the same image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cosine_similarities(one_ND: Tensor, other_MD: Tensor) -> Tensor:
    """Return the cosine of the angle between every vector of one set and every vector of the other.

    Returns:
        (N, M), in [-1, 1] up to rounding.

    >>> cosine_similarities(torch.tensor([[3.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
    tensor([[1., 0.]])
    """
    return F.normalize(one_ND, dim=1) @ F.normalize(other_MD, dim=1).T


def same_image(batch_size: int, device: torch.device) -> Tensor:
    """Return which pairs among 2B vectors belong to one image, where those of the second views follow the first.

    Returns:
        bool (2B, 2B); a vector and itself are such a pair.

    >>> same_image(2, torch.device("cpu")).int().tolist()
    [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]
    """
    return torch.eye(batch_size, dtype=torch.bool, device=device).repeat(2, 2)
