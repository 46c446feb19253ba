"""Boards from known truth, drawn at the level of what inference reads of them: means and mean squares.

Model k of method m has, on image i, the score `true_m + a_mk + c_mi + r_mki`: a good or a bad seed, an image that
favours this method, and the rest. What all methods find hard alike cancels in every difference and is left out. For
normal a, c and r the means and mean squares that inference reads are drawn exactly, without any image: the means over
models of all images enter through their products, a Wishart matrix.

Shapes: b boards, n methods, K models, S ranked schedules, M pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.statistics.models_and_images import (
    PairDifferences,
    differences_from_moments,
    few_models_p,
    variance_and_freedom,
)

Doubles = NDArray[np.float64]

SCHEDULES, CONTROLS = 3, 1
"""Ranked schedules and random controls of a method, as on `digits` and `cifar10`; the mini boards have no control."""
PAIRS_OF_SCHEDULES = SCHEDULES * (SCHEDULES - 1) // 2
COLLAPSED = 0.3
"""How much score a seed loses that collapses."""
BATCH_NUMBERS = 4_000_000
"""Entries of the products of a batch of boards, which bounds its memory."""


@dataclass(frozen=True)
class Spread:
    """Standard deviations of what makes scores differ.

    Attributes:
        models: of seeds of one method.
        images: of what an image does to one method only.
        rest: of what an image does to one model only.
    """

    models: float
    images: float
    rest: float


@dataclass(frozen=True)
class Truth:
    """A kind of board.

    Attributes:
        methods, models, images: n, K and N.
        spread: of every method.
        ahead_n: by how many standard errors of a difference each method truly leads the last one; empty for equal ones.
        uneven: every other method has three times the spread of models and twice that of images.
        collapsing: share of seeds that collapse.
    """

    methods: int
    models: int
    images: int
    spread: Spread
    ahead_n: tuple[float, ...] = ()
    uneven: bool = False
    collapsing: float = 0.0

    @property
    def spreads_n3(self) -> Doubles:
        """Standard deviations of every method: models, images, rest."""
        spreads_n3 = np.tile([self.spread.models, self.spread.images, self.spread.rest], (self.methods, 1))
        if self.uneven:
            spreads_n3[1::2] *= [3, 2, 1]
        return spreads_n3

    @property
    def error(self) -> float:
        """Standard error of the difference of two methods with `spread`."""
        one = self.spread
        count = self.models * self.images
        return float(np.sqrt(2 * (one.models**2 / self.models + one.images**2 / self.images + one.rest**2 / count)))

    @property
    def true_n(self) -> Doubles:
        """True score of every method."""
        return np.array(self.ahead_n or (0.0,) * self.methods) * self.error - self.collapsing * COLLAPSED


@dataclass(frozen=True)
class Boards:
    """A batch of boards: the score of every method, the differences of all pairs, and of the settings within methods.

    Attributes:
        value_bn, models_bn: score and `V_models`.
        error_bn, freedom_bn: of the score of one method.
        pairs: differences of all pairs, (b, M).
        within_p: p-values of the planned tests within methods, all of them truly nothing, (b, 4 n).
    """

    value_bn: Doubles
    models_bn: Doubles
    error_bn: Doubles
    freedom_bn: Doubles
    pairs: PairDifferences
    within_p: Doubles


def draw(truth: Truth, boards: int, rng: np.random.Generator) -> Iterator[Boards]:
    """Draw boards in batches."""
    done = 0
    while done < boards:
        batch = min(boards - done, max(1, BATCH_NUMBERS // truth.methods**2))
        yield _batch(truth, batch, rng)
        done += batch


def _batch(truth: Truth, b: int, rng: np.random.Generator) -> Boards:
    n, K, N = truth.methods, truth.models, truth.images
    models_n, images_n, rest_n = truth.spreads_n3.T
    models_bnK = rng.normal(size=(b, n, K)) * np.hypot(models_n, rest_n / np.sqrt(N))[:, None]
    models_bnK -= COLLAPSED * (rng.random((b, n, K)) < truth.collapsing)
    shift_n = truth.true_n + truth.collapsing * COLLAPSED
    value_bn = shift_n + models_bnK.mean(axis=2) + rng.normal(size=(b, n)) * images_n / np.sqrt(N)
    squares_bn = models_bnK.var(axis=2, ddof=1) / K
    rest_bn = _rest(rest_n, b, (K, N), rng)
    images_bnn = _products(np.hypot(images_n, rest_n / np.sqrt(K)), b, N, rng)
    counts_n = np.full(n, K)
    pairs = differences_from_moments(value_bn, counts_n, squares_bn, rest_bn, images_bnn, N)
    large_bn, diagonal_bn = np.maximum(squares_bn, rest_bn), np.diagonal(images_bnn, axis1=1, axis2=2)
    variance_bn, freedom_bn = variance_and_freedom(large_bn, large_bn**2, diagonal_bn, rest_bn, (K, N))
    return Boards(value_bn, squares_bn, np.sqrt(variance_bn), freedom_bn, pairs, _within(truth, b, rng))


def _within(truth: Truth, b: int, rng: np.random.Generator) -> Doubles:
    """Draw the tests of every pair of schedules and of a control, none of which truly matters: p-values (b, 4 n)."""
    K, N = truth.models, truth.images
    models_n, images_n, rest_n = (np.repeat(each, b) for each in truth.spreads_n3.T)  # method by method
    found: list[Doubles] = []
    for settings in (SCHEDULES, 1 + CONTROLS):
        shape = (len(models_n), settings)
        models = rng.normal(size=(*shape, K)) * np.hypot(models_n, rest_n / np.sqrt(N))[:, None, None]
        value = models.mean(axis=2) + rng.normal(size=shape) * images_n[:, None] / np.sqrt(N)
        scale = np.hypot(images_n, rest_n / np.sqrt(K))
        images = _products(np.ones(settings), len(scale), N, rng) * scale[:, None, None] ** 2
        rest = 2 * _rest(rest_n, 1, (K, N), rng)[0]
        for i, j in zip(*np.triu_indices(settings, 1), strict=True):
            squares = np.maximum((models[:, i] - models[:, j]).var(axis=1, ddof=1) / K, rest)
            seen = images[:, i, i] + images[:, j, j] - 2 * images[:, i, j]
            fixed = np.maximum(seen, rest) - rest
            found.append(few_models_p(value[:, i] - value[:, j], squares, fixed, K))
    return np.concatenate([each.reshape(-1, b) for each in found]).T


def _rest(rest_n: Doubles, b: int, counts: tuple[int, int], rng: np.random.Generator) -> Doubles:
    """Draw `V_rest` of every method, (b, n)."""
    freedom = (counts[0] - 1) * (counts[1] - 1)
    return rest_n**2 * rng.chisquare(freedom, (b, len(rest_n))) / freedom / (counts[0] * counts[1])


def _products(scale_n: Doubles, b: int, N: int, rng: np.random.Generator) -> Doubles:
    """Draw products of centred means over models of N images, divided by N (N - 1): Wishart, by Bartlett (b, n, n)."""
    n = len(scale_n)
    lower_bnn = np.zeros((b, n, n), np.float32)
    rows, columns = np.tril_indices(n, -1)
    lower_bnn[:, rows, columns] = rng.standard_normal((b, len(rows)), dtype=np.float32)
    lower_bnn[:, range(n), range(n)] = np.sqrt(rng.chisquare(N - 1 - np.arange(n), (b, n)))
    lower_bnn *= scale_n[:, None].astype(np.float32)
    return (lower_bnn @ lower_bnn.transpose(0, 2, 1)).astype(np.float64) / (N * (N - 1))
