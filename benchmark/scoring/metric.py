"""The contract between the scorer and its metrics: what a metric is given and what it gives back.

It knows no particular metric: `benchmark.scoring.registry` lists them.

Shapes: K models of a population, N test examples, M training examples, D features of a probe point, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from benchmark.scoring.compute import ON_CPU, Compute
from benchmark.scoring.score_math import FEWEST_MODELS, t_interval
from benchmark.scoring.statistics.ranges import range_of
from benchmark.spec import Evaluation

Features = NDArray[np.float32]
Labels = NDArray[np.int64]

INPUT = "input"
"""Name of the first probe point, the flattened image: the same for every model."""

FINAL_FEATURES = "features"
"""Name of the last probe point: encoder output after global average pooling, the representation that is judged."""


class Column(BaseModel):
    """What a reader needs to know about one number: it travels inside every record, so that tables label themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Key of the number in records and MLflow, `group/metric`."""
    title: str
    """Short heading for a table."""
    unit: str = ""
    """Unit of the number; empty for a plain fraction or count."""
    better: Literal["higher", "lower", "neither"]
    """Which direction is better."""
    description: str
    """One sentence that says what the number is."""


class Estimate(BaseModel):
    """A number with its interval; bounds are None where no interval is defined, value is None where it is undefined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def over_models(cls, values_K: NDArray[np.float64], confidence: float) -> Estimate:
        """Return the mean over models with its t interval; undefined if it is (NaN, infinite) for any of them.

        Args:
            values_K: float64 (K,), one number per model; undefined for K = 0, without an interval for K < 3.
            confidence: nominal coverage of the interval, in (0, 1).

        Example:
            >>> Estimate.over_models(np.array([1.0, np.nan]), 0.95).value is None
            True
        """
        if not len(values_K) or not np.isfinite(values_K).all():
            return cls(value=None)
        low, high = t_interval(values_K, confidence) or (None, None)
        return cls(value=float(values_K.mean()), low=low, high=high)


def within(name: str, estimate: Estimate, num_models: int) -> Estimate:
    """Cut an interval to the possible values; of too few models it says nothing and is left out.

    Args:
        name: of the number.
        estimate: as its metric gives it.
        num_models: how many models it is an estimate from.

    Example:
        >>> within("label_change/churn", Estimate(value=0.1, low=-0.2, high=0.4), num_models=6)
        Estimate(value=0.1, low=0.0, high=0.4)
    """
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return estimate
    if num_models < FEWEST_MODELS:
        return Estimate(value=estimate.value)
    lowest, highest = range_of(name)
    low, high = max(estimate.low, min(lowest, estimate.value)), min(estimate.high, max(highest, estimate.value))
    return Estimate(value=estimate.value, low=low, high=high)


@dataclass(frozen=True)
class Outcome:
    """What a metric gives for one model: single numbers, and arrays with one entry per test example (N,)."""

    values: Mapping[str, float]
    examples: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])


@dataclass(frozen=True)
class OtherView:
    """Another dataset as an encoder sees it that was never trained on it.

    Attributes:
        train: float32 final features of its training images, (M', D).
        test: the same for its test images, (N', D).
        train_labels: int64 (M',), values in [0, C').
        test_labels: int64 (N',).
        num_classes: C'.
    """

    train: Features
    test: Features
    train_labels: Labels
    test_labels: Labels
    num_classes: int


@dataclass(frozen=True)
class ModelView:
    """One encoder, pruned or dense, as the scorer sees it.

    Attributes:
        train: per probe point, float32 features of the clean training images, (M, D_p), in evaluation mode.
        test: the same for the test images, (N, D_p). Spatial maps are average-pooled, except `input` (flattened).
            Iteration order is from the input to `features`.
        train_labels: int64 (M,), values in [0, C).
        test_labels: int64 (N,).
        num_classes: C.
        weights: the encoder's parameters and buffers by name, masks already applied.
        prunable: names of the weights that may be pruned.
        encode_test: maps a transformation of uint8 test images (N, channels, H, W) to their final features (N, D), for
            metrics that change the images (corruptions).
        test_images: uint8 (N, channels, H, W).
        dense_test: features of the *dense* model of the same seed on the test images, (N, D_p) per probe point; an
            empty mapping where that model has failed.
        other_dense_test: the same of the dense model of another seed.
        transfer: by name, datasets that the encoder was not trained on.
        compute: where heavy arithmetic is done.
        shared: what one metric has computed and another needs too, such as the fitted linear probe.
    """

    train: Mapping[str, Features]
    test: Mapping[str, Features]
    train_labels: Labels
    test_labels: Labels
    num_classes: int
    weights: Mapping[str, NDArray[Any]]
    prunable: tuple[str, ...]
    test_images: NDArray[np.uint8]
    encode_test: Callable[[NDArray[np.uint8]], Features]
    dense_test: Callable[[], Mapping[str, Features]]
    other_dense_test: Callable[[], Mapping[str, Features]]
    transfer: Mapping[str, Callable[[], OtherView]] = field(default_factory=dict[str, Callable[[], OtherView]])
    compute: Compute = ON_CPU
    shared: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Population:
    """The outcomes of the K models of one cell, stacked in the order of their seeds.

    Attributes:
        values: per number, float64 (K,).
        examples: per per-example array, (K, N).
    """

    values: Mapping[str, NDArray[np.float64]]
    examples: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class CellFloor:
    """Accuracies of the untrained encoders of a cell's seeds, in their order.

    Attributes:
        dense_K: float64 (K,), as they are.
        pruned_K: float64 (K,), pruned as the cell is.
    """

    dense_K: NDArray[np.float64]
    pruned_K: NDArray[np.float64]


@dataclass(frozen=True)
class CellView:
    """A cell of the grid beside the dense population it descends from (same seeds, same order).

    Attributes:
        floor: what untrained encoders of the same seeds know; None where they were not read.
    """

    schedule: str
    sparsity: Decimal
    dense: Population
    sparse: Population
    test_labels: Labels
    num_classes: int
    floor: CellFloor | None = None


@dataclass(frozen=True)
class GridView:
    """Everything one submission achieved on one task: populations by (schedule, sparsity), beside the dense one.

    Attributes:
        ranked_schedules: names of the schedules that count for the robustness score (no controls).
        sparsities: the pruned sparsities, increasing.
        floor_KN: whether the untrained encoders of the seeds classify each test image correctly, bool (K, N); None
            where they were not read.
    """

    dense: Population
    cells: Mapping[tuple[str, Decimal], Population]
    ranked_schedules: tuple[str, ...]
    sparsities: tuple[Decimal, ...]
    test_labels: Labels
    num_classes: int
    floor_KN: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class ModelMetric:
    """A metric of one model.

    Attributes:
        name: group of its numbers, also part of the key under which outcomes are cached.
        version: raise it when the numbers change; cached outcomes of older versions are then recomputed.
        settings: picks the part of the evaluation that the numbers depend on (hashed into the cache key).
        measure: reads the model; `earlier` holds the outcomes of the metrics listed before it in the registry, merged.
        columns: what its numbers mean.
        reads_dense: whether the numbers depend on the dense models as well, whose states are then part of the key.
        reads_transfer: whether they depend on other datasets, whose digests are then part of the key.
    """

    name: str
    version: int
    settings: Callable[[Evaluation], Any]
    measure: Callable[[ModelView, Evaluation, Outcome], Outcome]
    columns: tuple[Column, ...]
    reads_dense: bool = False
    reads_transfer: bool = False


@dataclass(frozen=True)
class CellMetric:
    """A metric of a population beside its dense one; computed from cached outcomes at every scoring.

    Attributes:
        version: raise it when the numbers change; records repeat it.
    """

    name: str
    measure: Callable[[CellView, Evaluation], Mapping[str, Estimate]]
    columns: tuple[Column, ...]
    version: int = 1


@dataclass(frozen=True)
class GridMetric:
    """A metric of the whole grid of a submission on one task.

    Attributes:
        version: raise it when the numbers change; records repeat it.
    """

    name: str
    measure: Callable[[GridView, Evaluation], Mapping[str, Estimate]]
    columns: tuple[Column, ...]
    version: int = 1
