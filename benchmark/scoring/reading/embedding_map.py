"""Maps of representations: t-SNE of a fixed subset of test images, dense and pruned side by side.

It owns where points lie. It refuses to say anything with a number: distances on a map are no metric.

Shapes: N test examples, n examples of the subset, D features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

from benchmark.scoring.metric import Features
from benchmark.scoring.metrics.geometry import centred_varying

Doubles = NDArray[np.float64]

MAX_POINTS = 500
"""Test images on a map; more would be slower to make and no easier to look at."""

PERPLEXITY = 30.0
"""Effective number of neighbours that t-SNE keeps near; less where there are fewer than 91 points."""

ITERATIONS = 500
"""Gradient steps, the first half of them with exaggerated attraction."""

START_SPREAD = 1e-4
"""Standard deviation of the starting positions along the first axis (Kobak & Berens 2019)."""

VERSION = 1
"""Raise it when points move; maps of older versions are then drawn again."""

SUBSET_STREAM = 0x4D415053
"""Tag of the draw of the subset (ASCII of MAPS)."""


def map_subset(num_examples: int) -> NDArray[np.int64]:
    """Choose the test images of a map, by their number alone, so that all maps of a test set show the same ones.

    Returns:
        int64 (min(N, 500),), increasing, drawn without replacement.
    """
    drawn = np.random.default_rng([SUBSET_STREAM, num_examples]).permutation(num_examples)
    return np.sort(drawn[:MAX_POINTS]).astype(np.int64)


def map_points(
    features_ND: Features, seed: int, beside_N2: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Place examples on a plane so that near neighbours in feature space lie near each other.

    Standardised by one common scale, never per feature. Starts from the first two principal components or, where
    `beside_N2` is given, from that map; the result is then turned and mirrored (orthogonal Procrustes, no scaling) to
    lie on it as well as possible, which changes nothing t-SNE looks at. So two panels can be compared by eye.

    Args:
        features_ND: float32 (n, D), finite; n is what is drawn (see `map_subset`).
        seed: names the draws of the optimiser, which matter only where points coincide.
        beside_N2: float32 (n, 2), a map of the same examples in the same order.

    Returns:
        float32 (n, 2), centred. All zero where the features do not vary; the principal components themselves below
        four examples, too few for neighbourhoods. The same bits for the same call on the same machine and versions.

    Raises:
        ValueError: if the two maps differ in length.

    Source:
        van der Maaten & Hinton 2008, scikit-learn's Barnes-Hut approximation; starting positions as in Kobak & Berens
        2019 (Nature Communications 10; unverified).
    """
    if beside_N2 is not None and beside_N2.shape != (len(features_ND), 2):
        raise ValueError(f"map: expected the other map to be ({len(features_ND)}, 2), got {beside_N2.shape}")
    centred_NA = centred_varying(features_ND)
    if not centred_NA.size:
        return np.zeros((len(features_ND), 2), np.float32)
    centred_NA /= centred_NA.std()
    principal_N2 = _principal_plane(centred_NA)
    points_N2 = principal_N2
    if len(features_ND) >= 4:
        start_N2 = principal_N2 if beside_N2 is None or not beside_N2.any() else beside_N2.astype(np.float64)
        points_N2 = _tsne(centred_NA, start_N2, seed)
    points_N2 = points_N2 - points_N2.mean(axis=0)
    if beside_N2 is not None:
        points_N2 = points_N2 @ orthogonal_procrustes(points_N2, beside_N2.astype(np.float64))[0]
    return points_N2.astype(np.float32)


def _principal_plane(centred_ND: Doubles) -> Doubles:
    """Return the first two principal components, (n, 2), signs fixed by their largest entry; the second may be zero."""
    left_NR, sigma_R, _ = np.linalg.svd(centred_ND, full_matrices=False)
    plane_N2 = np.zeros((len(centred_ND), 2))
    num_axes = min(2, len(sigma_R))
    plane_N2[:, :num_axes] = left_NR[:, :num_axes] * sigma_R[:num_axes]
    largest_2 = plane_N2[np.abs(plane_N2).argmax(axis=0), [0, 1]]
    return plane_N2 * np.where(largest_2 < 0, -1, 1)


def _tsne(centred_ND: Doubles, start_N2: Doubles, seed: int) -> Doubles:
    from sklearn.manifold import TSNE  # 1.6 s, which most processes of a scorer do without

    scaled_N2 = (start_N2 - start_N2.mean(axis=0)) * (START_SPREAD / start_N2.std(axis=0).max())
    embedding = TSNE(
        perplexity=min(PERPLEXITY, (len(centred_ND) - 1) / 3),
        max_iter=ITERATIONS,
        init=scaled_N2.astype(np.float32),
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(embedding.fit_transform(centred_ND.astype(np.float32)), np.float64)
