"""Maps: the same for the same call, neighbours kept, panels aligned, and degenerate features."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.scoring.reading.embedding_map import MAX_POINTS, map_points, map_subset

Floats = NDArray[np.float32]


def clusters(seed: int, num_examples: int = 90, noise: float = 0.5) -> tuple[Floats, NDArray[np.int64]]:
    """Three classes far apart in ten dimensions, the same centres for every seed."""
    centres_CD = 3 * np.random.default_rng(99).normal(size=(3, 10))
    labels_N = np.arange(num_examples) % 3
    features_ND = centres_CD[labels_N] + noise * np.random.default_rng(seed).normal(size=(num_examples, 10))
    return features_ND.astype(np.float32), labels_N


def purity(points_N2: Floats, labels_N: NDArray[np.int64]) -> float:
    """Share of points whose nearest neighbour on the map has their label."""
    distance_NN = ((points_N2[:, None] - points_N2) ** 2).sum(axis=2)
    np.fill_diagonal(distance_NN, np.inf)
    return float((labels_N[distance_NN.argmin(axis=1)] == labels_N).mean())


def test_the_subset_is_fixed_sorted_and_bounded() -> None:
    assert map_subset(450).tolist() == list(range(450))
    chosen = map_subset(10_000)
    assert len(chosen) == MAX_POINTS == len(np.unique(chosen))
    assert (np.diff(chosen) > 0).all()
    assert 3_000 < chosen.mean() < 7_000
    assert (chosen == map_subset(10_000)).all()


def test_neighbours_stay_neighbours_and_the_same_call_gives_the_same_map() -> None:
    features_ND, labels_N = clusters(0)
    points_N2 = map_points(features_ND, seed=3)
    assert points_N2.dtype == np.float32
    assert points_N2.shape == (90, 2)
    assert np.abs(points_N2.mean(axis=0)).max() < 1e-4
    assert purity(points_N2, labels_N) == 1
    assert (map_points(features_ND, seed=3) == points_N2).all()


def test_one_scale_and_shift_of_all_features_change_nothing_that_can_be_seen() -> None:
    features_ND, labels_N = clusters(0)
    assert purity(map_points(1e-6 * features_ND, seed=0), labels_N) == 1
    assert purity(map_points(1e6 * features_ND + 1e6, seed=0), labels_N) == 1


def test_a_turned_and_mirrored_representation_lies_on_the_map_of_the_original() -> None:
    (features_ND, labels_N), (again_ND, _) = clusters(0), clusters(1)
    dense_N2 = map_points(features_ND, seed=0)
    mirror_DD = np.linalg.qr(np.random.default_rng(5).normal(size=(10, 10)))[0]
    beside_N2 = map_points((again_ND @ mirror_DD).astype(np.float32), seed=0, beside_N2=dense_N2)
    centres = [np.stack([each[labels_N == c].mean(axis=0) for c in range(3)]) for each in (dense_N2, beside_N2)]
    spread = np.abs(centres[0]).max()
    assert np.abs(centres[0] - centres[1]).max() < 0.4 * spread  # free, they would be mirrored or a third turn apart


@pytest.mark.parametrize("num_examples", [1, 2, 3])
def test_too_few_points_for_neighbourhoods_give_principal_components(num_examples: int) -> None:
    features_ND, _ = clusters(0, num_examples)
    points_N2 = map_points(features_ND, seed=0).astype(np.float64)
    assert points_N2.shape == (num_examples, 2)
    original = np.linalg.norm(features_ND[:, None].astype(np.float64) - features_ND, axis=2)
    drawn = np.linalg.norm(points_N2[:, None] - points_N2, axis=2)
    if num_examples > 1:  # three points lie in a plane: all distances are kept, but for one common scale
        assert drawn / drawn.max() == pytest.approx(original / original.max(), abs=1e-5)


def test_features_that_do_not_vary_are_one_point_and_can_be_drawn_beside() -> None:
    constant_ND = np.full((30, 4), 0.1, np.float32)
    assert (map_points(constant_ND, seed=0) == 0).all()
    features_ND, labels_N = clusters(0, 30)
    assert (map_points(constant_ND, 0, beside_N2=map_points(features_ND, 0)) == 0).all()
    assert purity(map_points(features_ND, 0, beside_N2=np.zeros((30, 2), np.float32)), labels_N) == 1


def test_one_feature_left_and_coinciding_points_are_drawn() -> None:
    line_N1 = np.repeat(np.arange(10, dtype=np.float32), 4)[:, None]
    points_N2 = map_points(np.hstack([line_N1, np.zeros((40, 3), np.float32)]), seed=0)
    assert np.isfinite(points_N2).all()
    assert purity(points_N2, np.repeat(np.arange(10), 4)) > 0.9


def test_a_map_of_other_examples_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(90, 2\), got \(89, 2\)"):
        map_points(clusters(0)[0], seed=0, beside_N2=np.zeros((89, 2), np.float32))
