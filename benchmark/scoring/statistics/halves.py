"""Splits of a population into halves of different models, and the jackknife that leaves one model out of them.

It owns who is in which half. It refuses to know what halves are compared by.

Shapes: K models, H = floor(K / 2) models of a half, T splits.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

SPLIT_STREAM = 0x53504C54
"""Tag of the stream that samples splits (ASCII of SPLT)."""

MAX_REDUCED_SPLITS = 1_000
"""Up to this many reduced splits (see `Halves.without_one_each`) the jackknife uses all pairs of models."""


@dataclass(frozen=True)
class Halves:
    """Equal halves of a population without a model in common, as 0/1 membership; row t of both is split t.

    Attributes:
        first_TK: float32 (T, K), 1 where a model belongs to the first half of a split.
        second_TK: float32 (T, K), the same of the second half.
    """

    first_TK: NDArray[np.float32]
    second_TK: NDArray[np.float32]

    @property
    def left_out_tk(self) -> NDArray[np.float64]:
        """1 where a model belongs to neither half, float64 (T, K)."""
        return 1 - self.first_TK.astype(np.float64) - self.second_TK

    @staticmethod
    def of(num_models: int, max_splits: int) -> Halves:
        """Split K models in halves of floor(K / 2): in all ways if there are few enough, else in `max_splits` ways.

        Which half comes first does not matter, so there are `K! / (H! H! (K - 2H)! 2)` ways. Sampled splits are
        different from one another and the same in every call; with odd K every model is left out equally often, or
        once more than another.
        """
        half = num_models // 2
        if half == 0:
            return Halves._from_members([], num_models)
        if comb(num_models, half) * comb(num_models - half, half) // 2 <= max_splits:
            return Halves._from_members(list(_all_splits(num_models)), num_models)
        return Halves._from_members(list(itertools.islice(_sampled_splits(num_models), max_splits)), num_models)

    @staticmethod
    def _from_members(members: list[tuple[tuple[int, ...], tuple[int, ...]]], num_models: int) -> Halves:
        first_TK, second_TK = np.zeros((2, len(members), num_models), np.float32)
        for row, (first, second) in enumerate(members):
            first_TK[row, list(first)] = 1
            second_TK[row, list(second)] = 1
        return Halves(first_TK, second_TK)

    def without_one_each(self) -> Halves:
        """Take one model out of either half of every split, so that every model is left out equally often.

        The h-th member of the first half goes with the (h + r)-th of the second, for all h, and for all shifts r too
        where that gives at most `MAX_REDUCED_SPLITS`.
        """
        num_splits, half = len(self.first_TK), int(self.first_TK[0].sum())
        first_TH = np.nonzero(self.first_TK)[1].reshape(num_splits, half)
        second_TH = np.nonzero(self.second_TK)[1].reshape(num_splits, half)
        num_shifts = half if num_splits * half * half <= MAX_REDUCED_SPLITS else 1
        out_of_first = np.tile(first_TH.ravel(), num_shifts)
        out_of_second = np.concatenate([np.roll(second_TH, shift, axis=1).ravel() for shift in range(num_shifts)])
        rows = np.tile(np.repeat(np.arange(num_splits), half), num_shifts)
        reduced = Halves(self.first_TK[rows], self.second_TK[rows])
        reduced.first_TK[np.arange(len(rows)), out_of_first] = 0
        reduced.second_TK[np.arange(len(rows)), out_of_second] = 0
        return reduced


def _all_splits(num_models: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    half = num_models // 2
    for first in itertools.combinations(range(num_models), half):
        rest = [model for model in range(num_models) if model not in first]
        for second in itertools.combinations(rest, half):
            if first[0] < second[0]:  # the same two halves the other way round are the same split
                yield first, second


def _sampled_splits(num_models: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    half = num_models // 2
    stream = np.random.default_rng([SPLIT_STREAM, num_models])
    known: set[frozenset[frozenset[int]]] = set()
    while True:
        # Rotating who comes last leaves every model of an odd population out equally often.
        order = [(int(model) + len(known)) % num_models for model in stream.permutation(num_models - num_models % 2)]
        first, second = tuple(sorted(order[:half])), tuple(sorted(order[half : 2 * half]))
        split = frozenset((frozenset(first), frozenset(second)))
        if split not in known:
            known.add(split)
            yield first, second


def jackknife_variance(left_out_means_K: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the jackknife variance over models, `(K - 1)/K sum_k (m_k - mean_k m_k)^2`.

    Args:
        left_out_means_K: m_k, (K, ...): what is read without model k, dense and pruned.

    Returns:
        float64 of the shape that follows K.
    """
    return (len(left_out_means_K) - 1) * left_out_means_K.var(axis=0)
