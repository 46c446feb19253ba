"""Counting zeros: over prunable weights, over everything, per layer, and the nearly zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.scoring.metric import ModelView, Outcome
from benchmark.scoring.metrics.sparsity_audit import (
    METRIC,
    LayerCount,
    effective_sparsity,
    layer_sparsities,
    theoretical_speedup,
)
from benchmark.spec import Evaluation


def view_of(weights: Mapping[str, NDArray[Any]], prunable: tuple[str, ...]) -> ModelView:
    features = {"features": np.zeros((1, 1), np.float32)}
    return ModelView(
        train=features,
        test=features,
        train_labels=np.zeros(1, np.int64),
        test_labels=np.zeros(1, np.int64),
        num_classes=2,
        weights=weights,
        prunable=prunable,
        test_images=np.zeros((1, 1, 1, 1), np.uint8),
        encode_test=lambda images: features["features"],
        dense_test=lambda: features,
        other_dense_test=lambda: features,
    )


def small_network() -> ModelView:
    """Two prunable layers (6 + 4 weights, 3 + 1 zeros), a norm (2 + 2, 2 zeros) and its statistics, all zero."""
    return view_of(
        {
            "stem.weight": np.array([[1, 0, -0.0], [2e-3, 0, 0.5e-3]], np.float32).reshape(2, 1, 1, 3),
            "norm.weight": np.ones(2, np.float32),
            "norm.bias": np.zeros(2, np.float32),
            "norm.running_mean": np.zeros(2, np.float32),
            "norm.running_var": np.zeros(2, np.float32),
            "norm.num_batches_tracked": np.zeros((), np.int64),
            "head.weight": np.array([[1, 1], [-1, 0]], np.float32),
        },
        ("stem.weight", "head.weight"),
    )


def values_of(view: ModelView) -> dict[str, float]:
    return dict(METRIC.measure(view, Evaluation(), Outcome({})).values)


def test_the_four_numbers_of_a_network_counted_by_hand() -> None:
    assert values_of(small_network()) == {
        "sparsity/achieved": 4 / 10,
        "sparsity/all_parameters": 6 / 14,
        "sparsity/compression": 10 / 6,
        "sparsity/effective": 5 / 10,
    }


def test_layers_are_counted_in_order_and_minus_zero_is_zero() -> None:
    network = small_network()
    layers = layer_sparsities(network.weights, network.prunable)
    assert layers == (LayerCount("stem.weight", 6, 3), LayerCount("head.weight", 4, 1))


def test_a_layer_of_zeros_counts_whole_and_has_undefined_compression_when_it_is_all_there_is() -> None:
    values = values_of(view_of({"conv.weight": np.zeros((2, 2), np.float32)}, ("conv.weight",)))
    assert values["sparsity/achieved"] == values["sparsity/effective"] == 1
    assert math.isnan(values["sparsity/compression"])


def test_a_dense_network_has_compression_one() -> None:
    values = values_of(view_of({"conv.weight": np.ones((2, 2), np.float32)}, ("conv.weight",)))
    assert (values["sparsity/achieved"], values["sparsity/compression"], values["sparsity/effective"]) == (0, 1, 0)


@given(st.lists(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=8), min_size=1, max_size=4))
def test_effective_sparsity_agrees_with_a_count_weight_by_weight(layers: list[list[float]]) -> None:
    negligible = total = 0
    for layer in layers:
        largest = max(abs(weight) for weight in layer)
        negligible += sum(largest == 0 or abs(weight) < 1e-3 * largest for weight in layer)
        total += len(layer)
    arrays = [np.array(layer, np.float32) for layer in layers]
    assert effective_sparsity(arrays) == negligible / total
    assert effective_sparsity(arrays) >= sum(weight == 0 for layer in layers for weight in layer) / total


def test_speedup_weighs_every_weight_by_the_positions_it_is_used_at() -> None:
    view = small_network()
    positions = {"stem.weight": 64, "head.weight": 1}
    expected = (6 * 64 + 4) / (3 * 64 + 3)
    assert theoretical_speedup(view.weights, view.prunable, positions) == pytest.approx(expected)
    nothing = {"conv.weight": np.zeros(3)}
    assert theoretical_speedup(nothing, ["conv.weight"], {"conv.weight": 2}) == math.inf


def test_every_number_of_the_metric_has_a_column() -> None:
    assert {column.name for column in METRIC.columns} == set(values_of(small_network()))
