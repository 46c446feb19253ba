"""Linear CKA against its definition by N x N kernels, its invariances, and representations that do not vary."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.scoring.metric import ModelView, Outcome
from benchmark.scoring.metrics.similarity import METRIC, linear_cka
from benchmark.spec import Evaluation

Floats = NDArray[np.float32]


def features_of(seed: int, num_features: int = 5, num_examples: int = 20) -> Floats:
    rng = np.random.default_rng(seed)
    return np.maximum(rng.normal(size=(num_examples, num_features)) + 0.3, 0).astype(np.float32)


def naive_cka(first_ND: Floats, second_NE: Floats) -> float:
    """HSIC of two centred N x N kernels, each entry a dot product, over the geometric mean of their own."""

    def centred_kernel(features: Floats) -> list[list[float]]:
        rows = [[float(x) for x in row] for row in features]
        count = len(rows)
        kernel = [[sum(a * b for a, b in zip(left, right, strict=True)) for right in rows] for left in rows]
        means = [sum(row) / count for row in kernel]
        grand = sum(means) / count
        return [[kernel[i][j] - means[i] - means[j] + grand for j in range(count)] for i in range(count)]

    def hsic(left: list[list[float]], right: list[list[float]]) -> float:
        return sum(a * b for i, j in zip(left, right, strict=True) for a, b in zip(i, j, strict=True))

    first, second = centred_kernel(first_ND), centred_kernel(second_NE)
    return hsic(first, second) / math.sqrt(hsic(first, first) * hsic(second, second))


@pytest.mark.parametrize("seed", range(5))
def test_cka_agrees_with_its_kernel_definition(seed: int) -> None:
    first_ND, second_NE = features_of(seed), features_of(seed + 100, num_features=8)
    second_NE[:, :3] += first_ND[:, :3]
    assert linear_cka(first_ND, second_NE) == pytest.approx(naive_cka(first_ND, second_NE), abs=1e-9)


def test_cka_ignores_rotation_scale_shift_and_order_of_arguments() -> None:
    first_ND, second_ND = features_of(0).astype(np.float64), features_of(1).astype(np.float64)
    rotation_DD = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
    reference = linear_cka(first_ND, second_ND)
    assert linear_cka(7 * first_ND @ rotation_DD - 3, second_ND) == pytest.approx(reference, abs=1e-12)
    assert linear_cka(second_ND, first_ND) == pytest.approx(reference, abs=1e-12)
    assert linear_cka(first_ND, first_ND @ rotation_DD) == pytest.approx(1, abs=1e-12)


def test_cka_survives_huge_and_tiny_features() -> None:
    first_ND, second_ND = features_of(3).astype(np.float64), features_of(4).astype(np.float64)
    assert linear_cka(1e90 * first_ND, 1e-90 * second_ND) == pytest.approx(linear_cka(first_ND, second_ND), abs=1e-12)


def test_a_representation_that_does_not_vary_shares_nothing_even_with_itself() -> None:
    constant_ND = np.full((20, 5), 0.1, np.float32)  # 0.1 is no binary fraction: the mean differs by rounding
    assert linear_cka(constant_ND, features_of(0)) == 0
    assert linear_cka(constant_ND, constant_ND) == 0
    assert linear_cka(np.zeros((20, 5), np.float32), features_of(0)) == 0


def test_dead_units_change_nothing() -> None:
    first_ND, second_ND = features_of(5), features_of(6)
    with_dead = np.hstack([first_ND, np.zeros((20, 2), np.float32), np.full((20, 1), 0.7, np.float32)])
    assert linear_cka(with_dead, second_ND) == pytest.approx(linear_cka(first_ND, second_ND), abs=1e-12)


def test_overflowed_features_make_cka_undefined_and_other_examples_are_refused() -> None:
    broken_ND = features_of(0)
    broken_ND[3, 2] = np.inf
    assert math.isnan(linear_cka(broken_ND, features_of(1)))
    with pytest.raises(ValueError, match="20 and 19"):
        linear_cka(features_of(0), features_of(1)[:19])


def view_of(test: Mapping[str, Floats], dense: Mapping[str, Floats], other: Mapping[str, Floats]) -> ModelView:
    return ModelView(
        train=test,
        test=test,
        train_labels=np.zeros(20, np.int64),
        test_labels=np.zeros(20, np.int64),
        num_classes=2,
        weights={},
        prunable=(),
        test_images=np.zeros((20, 1, 1, 1), np.uint8),
        encode_test=lambda images: test["features"],
        dense_test=lambda: dense,
        other_dense_test=lambda: other,
    )


def test_the_metric_compares_with_the_parent_and_the_parent_with_a_stranger() -> None:
    sparse, dense, other = (
        {"input": features_of(9), "stem": features_of(seed), "features": features_of(seed + 1)} for seed in (10, 20, 30)
    )
    values = METRIC.measure(view_of(sparse, dense, other), Evaluation(), Outcome({})).values
    assert values == {
        "cka/stem": linear_cka(sparse["stem"], dense["stem"]),
        "cka/features": linear_cka(sparse["features"], dense["features"]),
        "cka_other_seed/features": linear_cka(dense["features"], other["features"]),
    }


def test_a_dense_model_is_its_own_parent() -> None:
    dense = {"input": features_of(9), "stem": features_of(1), "features": features_of(2)}
    values = METRIC.measure(view_of(dense, dense, {"features": features_of(3)}), Evaluation(), Outcome({})).values
    assert values["cka/stem"] == pytest.approx(1)
    assert values["cka/features"] == pytest.approx(1)
    assert values["cka_other_seed/features"] < 0.9
