"""The data term of the probe by torch is that by numpy: here torch computes on the processor, too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.scoring.compute import Compute
from benchmark.scoring.probes import linear_probe
from benchmark.scoring.probes.cross_entropy import OnDevice, OnProcessor, cross_entropy
from benchmark.scoring.probes.linear_probe import LinearProbe, fit_linear_probe

Doubles = NDArray[np.float64]


def torch_on_the_processor(features_AM: Doubles, one_hot_PM: Doubles, compute: Compute) -> OnDevice:
    return OnDevice(features_AM, one_hot_PM, "cpu")


def fitted_by_torch(*arguments: object) -> LinearProbe:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linear_probe, "cross_entropy", torch_on_the_processor)
        return fit_linear_probe(*arguments)  # pyright: ignore[reportArgumentType]


@given(
    seed=st.integers(0, 10_000), num_examples=st.integers(1, 40), num_features=st.integers(0, 9),
    num_classes=st.integers(1, 7), spread=st.sampled_from([1e-3, 1.0, 300.0]),
)  # fmt: skip
def test_both_libraries_give_the_same_loss_and_slopes(
    seed: int, num_examples: int, num_features: int, num_classes: int, spread: float
) -> None:
    """With a spread of 300 the exponential of a score that was not made small first would overflow."""
    rng = np.random.default_rng(seed)
    features_AM = rng.normal(size=(num_features, num_examples))
    one_hot_PM = np.eye(num_classes)[:, rng.integers(0, num_classes, num_examples)]
    weights_PA, bias_P = spread * rng.normal(size=(num_classes, num_features)), spread * rng.normal(size=num_classes)
    numpy = OnProcessor(features_AM, one_hot_PM)(weights_PA, bias_P)
    torch = OnDevice(features_AM, one_hot_PM, "cpu")(weights_PA, bias_P)
    assert np.isfinite(torch.loss)
    for found, expected in zip(torch, numpy, strict=True):
        assert np.shape(found) == np.shape(expected)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_slopes_are_those_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    read = OnProcessor(rng.normal(size=(4, 50)), np.eye(3)[:, rng.integers(0, 3, 50)])
    weights_PA, bias_P = rng.normal(size=(3, 4)), rng.normal(size=3)
    slopes, step = read(weights_PA, bias_P), 1e-6
    for place in np.ndindex(3, 4):
        moved_PA = weights_PA.copy()
        moved_PA[place] += step
        assert (read(moved_PA, bias_P).loss - slopes.loss) / step == pytest.approx(slopes.weights_PA[place], abs=1e-5)
    for place in range(3):
        moved_P = bias_P + step * (np.arange(3) == place)
        assert (read(weights_PA, moved_P).loss - slopes.loss) / step == pytest.approx(slopes.bias_P[place], abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_a_probe_fitted_by_torch_predicts_what_one_fitted_by_numpy_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels_M = rng.integers(0, 6, 900)
    centres_CD = rng.normal(size=(6, 12))
    features_MD = (centres_CD[labels_M] + rng.normal(size=(900, 12))).astype(np.float32)
    features_MD[:, 5] = 2.0  # does not vary
    others_ND = rng.normal(size=(500, 12)).astype(np.float32)
    both = [fit(features_MD, labels_M, 8, 1e-3, 1e-6) for fit in (fit_linear_probe, fitted_by_torch)]
    assert both[0].converged
    assert both[1].converged
    np.testing.assert_array_equal(both[1].predict(others_ND), both[0].predict(others_ND))
    np.testing.assert_allclose(both[1].probabilities(others_ND), both[0].probabilities(others_ND), atol=1e-5)


def test_without_a_feature_that_varies_torch_answers_with_the_class_shares_as_well() -> None:
    probe = fitted_by_torch(np.ones((4, 1), np.float32), np.array([2, 1, 1, 2]), 3, 1e-2, 1e-7)
    np.testing.assert_allclose(probe.probabilities(np.ones((1, 1), np.float32)), [[0, 0.5, 0.5]], atol=1e-7)


def test_a_processor_reads_by_numpy() -> None:
    assert isinstance(cross_entropy(np.zeros((2, 3)), np.ones((1, 3)), Compute()), OnProcessor)
