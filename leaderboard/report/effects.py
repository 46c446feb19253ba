"""The effects that the report tests, with their standard errors over models and test images. Pure arrays.

Two effects are ratios, which no mean over models and images gives directly:

- *Knowledge kept*, `kept = (a_s - f) / (a_0 - f)` with the accuracies of pruned and dense models and of untrained
  encoders `f`. The influence of model k and image i on it is `kept + (s_ki - f - kept (d_ki - f)) / (a_0 - f)`, where
  `s_ki` and `d_ki` say whether the pruned and the dense model are right. Its mean is `kept`, and to first order the
  variance of its mean is that of `kept` (the delta method). `f` is taken as known.
- *Shared mistakes*: of the images that one of two models forgot, the share that both did. A model forgets an image that
  its dense parent gets right and it gets wrong. `within` is over pairs of models of one cell, `between` over pairs of
  models of two cells. `unique = 1 - between / within` is 0 where another cell shares as much as another seed, and 1
  where it shares nothing.

Shapes: K models, N test images, C cells, M methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.statistics.models_and_images import TwoWayMean

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]

Cell = tuple[str, str]
"""Method and schedule."""


def kept_influence(dense_KN: Doubles, sparse_KN: Doubles, floor: float) -> Doubles:
    """Return numbers (K, N) whose mean is the knowledge kept, and whose spread is its own to first order.

    Args:
        dense_KN: 1 where a dense model is right, else 0; for a mean over schedules the same for each.
        sparse_KN: the same of the pruned models, or its mean over schedules, in [0, 1].
        floor: accuracy of untrained encoders through the same probe.

    Raises:
        ValueError: dense models know no more than untrained encoders.
    """
    known = float(dense_KN.mean()) - floor
    if known <= 0:
        raise ValueError("expected dense models that know more than untrained encoders")
    kept = (float(sparse_KN.mean()) - floor) / known
    return kept + (sparse_KN - floor - kept * (dense_KN - floor)) / known


@dataclass(frozen=True)
class SharedMistakes:
    """How many forgotten images two models have in common.

    Attributes:
        within: share in common of two models of one cell, mean over cells, in [0, 1].
        between: of two models of two cells, mean over pairs of cells, in [0, 1].
        unique: 1 - between / within with its standard error over models and images, at most 1.
    """

    within: float
    between: float
    unique: TwoWayMean


def shared_mistakes(forgotten: Mapping[Cell, Flags]) -> SharedMistakes | None:
    """Compare what models of every cell forget.

    The variance over models is the jackknife's, which leaves out one seed of one method in all of its cells at a time.
    That over images is the jackknife's in 50 groups. Both contain what models and images share, so that their sum is
    rather too large. Degrees of freedom are K - 1.

    Args:
        forgotten: per cell, whether a model forgot an image, (K, N), models of one method in the order of their seeds.

    Returns:
        None where there are fewer than two cells, three models or 50 images, or two models never share a mistake.
    """
    shapes = {flags_KN.shape for flags_KN in forgotten.values()}
    if len(forgotten) < 2 or len(shapes) != 1:
        return None
    ((num_models, num_images),) = shapes
    methods = list(dict.fromkeys(method for method, _ in forgotten))
    whole = _shares(forgotten)
    if num_models < 3 or num_images < _GROUPS or whole is None or whole[0] == 0:
        return None
    estimate = 1 - whole[1] / whole[0]
    over_models = sum(
        _jackknife([unique_beyond_seeds(_without_seed(forgotten, m, k)) for k in range(num_models)]) for m in methods
    )
    groups = np.arange(num_images) % _GROUPS
    over_images = _jackknife([
        unique_beyond_seeds({cell: flags_KN[:, groups != g] for cell, flags_KN in forgotten.items()})
        for g in range(_GROUPS)
    ])  # fmt: skip
    error = float(np.sqrt(over_models + over_images))
    return SharedMistakes(*whole, TwoWayMean(estimate, error, num_models - 1))


_GROUPS = 50


def _without_seed(forgotten: Mapping[Cell, Flags], method: str, place: int) -> dict[Cell, Flags]:
    return {
        cell: np.delete(flags_KN, place, axis=0) if cell[0] == method else flags_KN
        for cell, flags_KN in forgotten.items()
    }


def _jackknife(values: Sequence[float]) -> float:
    deviations = np.array(values) - np.mean(values)
    return float((len(values) - 1) / len(values) * (deviations**2).sum())


def unique_beyond_seeds(flags: Mapping[Cell, Flags], kind: str = "") -> float:
    """Return the share of mistakes that other cells do not have, beyond what another seed changes; NaN if undefined.

    Args:
        flags: per cell, which model makes which mistake, (K, N).
        kind: which pairs of cells are compared: those of one "method", under one "schedule", or "" for all.
    """
    shares = _shares(flags, kind)
    return np.nan if shares is None or shares[0] == 0 else 1 - shares[1] / shares[0]


def _is_compared(one: Cell, two: Cell, kind: str) -> bool:
    return {"": True, "method": one[0] == two[0], "schedule": one[1] == two[1]}[kind]


def _shares(forgotten: Mapping[Cell, Flags], kind: str = "") -> tuple[float, float] | None:
    """Return the shares in common within and between cells; None where no model forgets anything."""
    counted = {
        cell: _Forgotten(flags_KN, flags_KN.sum(axis=0, dtype=np.float64)) for cell, flags_KN in forgotten.items()
    }
    within = [_common(*_pairs_of_one(each)) for each in counted.values()]
    between = [
        _common(*_pairs_of_two(one, two, of_one_method=cell[0] == other[0]))
        for (cell, one), (other, two) in combinations(counted.items(), 2) if _is_compared(cell, other, kind)
    ]
    if not between or any(np.isnan([*within, *between])):
        return None
    return float(np.mean(within)), float(np.mean(between))


@dataclass(frozen=True)
class _Forgotten:
    """Which images the models of a cell forgot, and how many models forgot each."""

    flags_KN: Flags
    count_N: Doubles


def _pairs_of_one(cell: _Forgotten) -> tuple[float, float]:
    """Return intersection and union of what two different models of a cell forget, summed over images."""
    num_models, count_N = len(cell.flags_KN), cell.count_N
    both = float((count_N * (count_N - 1)).sum() / (num_models * (num_models - 1)))
    return both, float(2 * count_N.sum() / num_models - both)


def _pairs_of_two(one: _Forgotten, two: _Forgotten, *, of_one_method: bool) -> tuple[float, float]:
    """Return the same for models of two cells; models with the same seed of one method share a trunk: no pair."""
    num_first, num_second = len(one.flags_KN), len(two.flags_KN)
    both, num_pairs = float(one.count_N @ two.count_N), num_first * num_second
    if of_one_method:
        both, num_pairs = both - float((one.flags_KN & two.flags_KN).sum()), num_pairs - num_first
    both /= num_pairs
    return both, float(one.count_N.sum() / num_first + two.count_N.sum() / num_second - both)


def _common(both: float, either: float) -> float:
    return both / either if either > 0 else np.nan
