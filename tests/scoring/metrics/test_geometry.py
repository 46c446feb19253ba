"""RankMe, alpha-ReQ, alignment, uniformity and dead units against their formulas, and where they are undefined."""

from __future__ import annotations

import math
from itertools import combinations
from statistics import correlation as pearsonr
from statistics import linear_regression

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.scoring.metric import ModelView, Outcome
from benchmark.scoring.metrics import geometry
from benchmark.scoring.metrics.geometry import METRIC, alignment, dead_units, rankme, spectral_decay, uniformity
from benchmark.spec import Evaluation


def features_of(seed: int, num_examples: int = 24, num_features: int = 6) -> NDArray[np.float32]:
    """Non-negative, correlated features, as after a ReLU."""
    rng = np.random.default_rng(seed)
    mixed_ND = rng.normal(size=(num_examples, num_features)) @ rng.normal(size=(num_features, num_features))
    return np.maximum(mixed_ND + 0.5, 0).astype(np.float32)


def unit(vector_D: NDArray[np.float32]) -> list[float]:
    length = math.sqrt(sum(float(x) ** 2 for x in vector_D))
    return [float(x) / length if length else 0.0 for x in vector_D]


def squared_distance(first_D: NDArray[np.float32], second_D: NDArray[np.float32]) -> float:
    return sum((a - b) ** 2 for a, b in zip(unit(first_D), unit(second_D), strict=True))


def naive_rankme(features_ND: NDArray[np.float32]) -> float:
    """Singular values as roots of the eigenvalues of the Gram matrix, one share at a time."""
    gram_DD = features_ND.astype(np.float64).T @ features_ND.astype(np.float64)
    sigma = [math.sqrt(max(value, 0.0)) for value in np.linalg.eigvalsh(gram_DD)]
    shares = [value / sum(sigma) + 1e-7 for value in sigma]
    return math.exp(-sum(share * math.log(share) for share in shares))


@pytest.mark.parametrize("seed", range(5))
def test_rankme_agrees_with_the_formula(seed: int) -> None:
    features_ND = features_of(seed)
    assert rankme(features_ND) == pytest.approx(naive_rankme(features_ND), abs=1e-5)


def wide_features(kind: str) -> NDArray[np.float32]:
    """Draw features of more singular values than are decomposed directly, (N, D)."""
    noise = np.random.default_rng(5)
    full_ND = np.maximum(noise.normal(size=(420, 300)) @ noise.normal(size=(300, 300)), 0)
    match kind:
        case "more features than examples":
            full_ND = full_ND.T
        case "dead units":
            full_ND[:, ::3] = 0
        case "copies":
            full_ND[:, 150:] = full_ND[:, :150]
        case "rank 7":
            full_ND = noise.normal(size=(420, 7)) @ noise.normal(size=(7, 300))
        case "nine decades":
            full_ND = full_ND * np.logspace(0, -9, 300)
        case "constant":
            full_ND = np.full((420, 300), 0.3)
        case _:
            pass
    return full_ND.astype(np.float32)


@pytest.mark.parametrize(
    "kind", ["full", "more features than examples", "dead units", "copies", "rank 7", "nine decades", "constant"]
)
def test_many_features_have_the_numbers_of_a_singular_value_decomposition(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4,000 x 2,048 features took over 100 s."""
    features_ND = wide_features(kind)
    effective_rank, decay = rankme(features_ND), spectral_decay(features_ND)
    monkeypatch.setattr(geometry, "MOST_DECOMPOSED", 10_000)
    decomposed = spectral_decay(features_ND)
    assert effective_rank == pytest.approx(rankme(features_ND), rel=1e-6)
    assert decay.alpha == pytest.approx(decomposed.alpha, rel=1e-6, nan_ok=True)
    assert decay.r_squared == pytest.approx(decomposed.r_squared, rel=1e-6, nan_ok=True)


def test_many_features_are_not_decomposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(np.linalg, "svd")
    assert rankme(wide_features("full")) > 100


def test_many_features_that_are_all_zero_have_no_rank() -> None:
    assert rankme(np.zeros((300, 400), np.float32)) == 0


def test_rankme_is_not_centred() -> None:
    features_ND = features_of(1)
    assert rankme(features_ND + 100) < 1.5 < rankme(features_ND - features_ND.mean(axis=0))


def test_rankme_of_features_that_do_not_vary_is_about_one_and_of_a_dead_representation_zero() -> None:
    assert rankme(np.full((20, 8), 0.3, np.float32)) == pytest.approx(1, abs=1e-3)
    assert rankme(np.zeros((20, 8), np.float32)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_spectral_decay_agrees_with_a_regression_on_the_covariance_eigenvalues(seed: int) -> None:
    features_ND = features_of(seed)
    eigenvalues = sorted(np.linalg.eigvalsh(np.cov(features_ND.astype(np.float64).T)), reverse=True)
    x, y = [math.log(j) for j in range(1, 7)], [math.log(value) for value in eigenvalues]
    slope, correlation = linear_regression(x, y).slope, pearsonr(x, y)
    assert spectral_decay(features_ND) == pytest.approx((-slope, correlation**2), abs=1e-5)


def test_dead_units_and_copies_do_not_enter_the_spectrum() -> None:
    features_ND = features_of(2)
    constant_N2 = np.full((len(features_ND), 2), 0.1, np.float32)
    assert spectral_decay(np.hstack([features_ND, constant_N2])) == pytest.approx(spectral_decay(features_ND))
    doubled = spectral_decay(np.hstack([features_ND, features_ND]))  # every eigenvalue twice as large, six new zeros
    assert doubled == pytest.approx(spectral_decay(features_ND), abs=1e-9)


def test_spectral_decay_is_undefined_below_three_eigenvalues() -> None:
    constant = spectral_decay(np.full((10, 5), 0.1, np.float32))
    two = spectral_decay(features_of(3)[:, :2])
    assert all(math.isnan(value) for value in (*constant, *two))


def test_a_flat_spectrum_has_slope_zero_and_no_fit_to_speak_of() -> None:
    corners_ND = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
    assert spectral_decay(corners_ND).alpha == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_alignment_agrees_with_a_loop_over_pairs_of_one_label(seed: int) -> None:
    features_ND, labels_N = features_of(seed), np.random.default_rng(seed).integers(0, 4, 24)
    features_ND[3] = 0
    pairs = [
        squared_distance(features_ND[i], features_ND[j])
        for i, j in combinations(range(24), 2)
        if labels_N[i] == labels_N[j]
    ]
    assert alignment(features_ND, labels_N) == pytest.approx(sum(pairs) / len(pairs), abs=1e-9)


def test_alignment_without_a_pair_is_undefined_and_absent_classes_change_nothing() -> None:
    features_ND = features_of(0)
    assert math.isnan(alignment(features_ND, np.arange(24)))
    assert alignment(features_ND, np.full(24, 7)) == alignment(features_ND, np.zeros(24, np.int64))


def test_collapsed_features_are_perfectly_aligned_and_not_uniform_at_all() -> None:
    collapsed_ND = np.outer(np.arange(1, 13), [0.1, 0.7, 0.2]).astype(np.float32)
    assert alignment(collapsed_ND, np.zeros(12, np.int64)) == pytest.approx(0, abs=1e-12)
    assert uniformity(collapsed_ND) == 0
    assert uniformity(np.zeros((5, 3), np.float32)) == 0


@given(seed=st.integers(0, 50), chunk_rows=st.integers(1, 30))
@settings(max_examples=20)
def test_uniformity_agrees_with_a_loop_over_pairs_whatever_the_chunks(seed: int, chunk_rows: int) -> None:
    features_ND = features_of(seed)
    features_ND[0] = 0
    potentials = [math.exp(-2 * squared_distance(a, b)) for a, b in combinations(features_ND, 2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geometry, "CHUNK_BYTES", 4 * 24 * chunk_rows)
        assert uniformity(features_ND) == pytest.approx(math.log(sum(potentials) / len(potentials)), abs=1e-5)


def test_uniformity_of_one_example_is_undefined() -> None:
    assert math.isnan(uniformity(np.ones((1, 3), np.float32)))


def test_a_unit_is_dead_where_it_does_not_vary_beyond_rounding() -> None:
    features_ND = features_of(4, num_features=4)
    features_ND[:, 0] = 0
    features_ND[:, 1] = 0.1
    assert dead_units(features_ND) == 0.5
    features_ND[0, 0] = 1e-6  # small, but a difference where everything else is zero
    assert dead_units(features_ND) == 0.25


def test_the_metric_reads_the_final_test_features_and_describes_every_number() -> None:
    features_ND, labels_N = features_of(5), np.arange(24) % 3
    view = ModelView(
        train={"features": features_of(6)},
        test={"stem": features_of(7), "features": features_ND},
        train_labels=labels_N,
        test_labels=labels_N,
        num_classes=3,
        weights={},
        prunable=(),
        test_images=np.zeros((24, 1, 1, 1), np.uint8),
        encode_test=lambda images: np.zeros((len(images), 0), np.float32),
        dense_test=lambda: {},
        other_dense_test=lambda: {},
    )
    values = METRIC.measure(view, Evaluation(), Outcome({})).values
    assert set(values) == {column.name for column in METRIC.columns}
    assert values["geometry/rankme"] == rankme(features_ND)
    assert values["geometry/alignment"] == alignment(features_ND, labels_N)
    assert values["geometry/alpha_req"] == spectral_decay(features_ND).alpha


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_alignment_and_uniformity_refuse_features_that_are_not_finite(bad: float) -> None:
    features = np.array([[1.0, bad], [0.0, 1.0]])
    with pytest.raises(ValueError, match="expected finite features"):
        alignment(features, np.array([0, 0]))
    with pytest.raises(ValueError, match="expected finite features"):
        uniformity(features)
