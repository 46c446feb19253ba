"""The shape of a representation, without a probe: effective rank, spectral decay, alignment, uniformity, dead units.

It owns these five readings of one model's test features. It refuses to compare models, and to hold N x N numbers.

Shapes: N test examples, D features, R = min(N, D) singular values, n examples of one chunk.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.metric import FINAL_FEATURES, Column, Features, Labels, ModelMetric, ModelView, Outcome
from benchmark.scoring.probes.linear_probe import CONSTANT_FEATURE_RATIO
from benchmark.spec import Evaluation

Doubles = NDArray[np.float64]

RANKME_EPSILON = 1e-7
"""Added to every share of the spectrum, after the division, as in equation 1 of the RankMe paper."""

NEGLIGIBLE_SINGULAR_RATIO = 1e-6
"""A singular value below this share of the largest is float32 rounding, and no part of the power law."""

FEWEST_EIGENVALUES = 3
"""A line through two points always fits: below three eigenvalues there is no decay to speak of."""

UNIFORMITY_T = 2.0
"""Sharpness of the Gaussian potential of uniformity."""
UNIFORMITY_ROUNDING = 1e-6
"""What rounding may leave of a uniformity of 0."""

MOST_DECOMPOSED = 256
"""Up to so many singular values are decomposed directly; of more, that takes minutes where memory is busy."""

LEAST_SQUARED_RATIO = 1e-5
"""Singular values above this share of the largest are exact to 1e-11 of it as roots of eigenvalues in float64."""

CHUNK_BYTES = 32 * 2**20
"""Working memory for one chunk of pairwise distances."""


class PowerLaw(NamedTuple):
    """A fitted `eigenvalue_j = constant * j^-alpha`, and the share of the log eigenvalues' variance it explains."""

    alpha: float
    r_squared: float


def rankme(features_ND: Features | Doubles) -> float:
    """Return the effective rank `exp(-sum_r p_r log p_r)` with `p_r = sigma_r / ||sigma||_1 + 1e-7`.

    `sigma` are the min(N, D) singular values of the uncentred features, in float64.

    Args:
        features_ND: (N, D), N and D at least 1, finite.

    Returns:
        From about 1 for features that do not vary to min(N, D) or, as the shares sum to a little more than 1, 1e-5 of
        it beyond; exactly 0 where every feature is 0 everywhere. Compare within one method only.

    Source:
        RankMe, Garrido et al. 2023 (arXiv 2210.02885), equation 1. Deviation: all test images instead of 25,600
        training images.

    Example:
        >>> round(rankme(np.eye(4)), 4), rankme(np.zeros((3, 2)))
        (4.0, 0.0)
    """
    sigma_R = _singular_values(features_ND.astype(np.float64))
    total = sigma_R.sum()
    if total == 0:
        return 0.0
    share_R = sigma_R / total + RANKME_EPSILON
    return math.exp(-float((share_R * np.log(share_R)).sum()))


def spectral_decay(features_ND: Features | Doubles) -> PowerLaw:
    """Fit `log eigenvalue_j = c - alpha log j` to the eigenvalues of the feature covariance by least squares.

    Eigenvalues are those of the centred features, largest first, j from 1; those whose square root is below
    `NEGLIGIBLE_SINGULAR_RATIO` times the largest square root (dead units, exact copies) are left out.

    Args:
        features_ND: (N, D), finite.

    Returns:
        alpha, at least 0, and R^2 in [0, 1]. Both NaN with fewer than three eigenvalues (constant features among
        them); R^2 is NaN where all eigenvalues are equal, since there is nothing to explain.

    Source:
        alpha-ReQ, Agrawal et al. 2022 (NeurIPS; unverified). Deviation: the fit covers the whole
        spectrum, not a hand-picked range of indices, hence the R^2 beside it.

    Example:
        >>> axes = np.diag([4.0, 2.0, 4 / 3, 1.0])  # standard deviations 1/j: eigenvalues 1/j^2
        >>> round(spectral_decay(np.vstack([axes, -axes])).alpha, 6)
        2.0
    """
    sigma_R = _singular_values(centred_varying(features_ND))
    kept_R = sigma_R[sigma_R > NEGLIGIBLE_SINGULAR_RATIO * sigma_R.max(initial=0)]
    if len(kept_R) < FEWEST_EIGENVALUES:
        return PowerLaw(math.nan, math.nan)
    index_R, height_R = np.log(np.arange(1, len(kept_R) + 1)), 2 * np.log(kept_R)
    index_R, height_R = index_R - index_R.mean(), height_R - height_R.mean()
    slope, total = float(index_R @ height_R / (index_R @ index_R)), float(height_R @ height_R)
    return PowerLaw(-slope, slope**2 * float(index_R @ index_R) / total if total > 0 else math.nan)


def alignment(features_ND: Features | Doubles, labels_N: Labels) -> float:
    """Return the mean of `||z_i - z_j||^2` over all pairs i != j of the same label, z being features of unit length.

    No pair is formed: `sum_ij ||z_i - z_j||^2 = 2 n sum_i ||z_i||^2 - 2 ||sum_i z_i||^2` in a class of n examples.

    Args:
        features_ND: (N, D), finite; a zero vector stays zero.
        labels_N: int64 (N,), any values; a class with fewer than two examples has no pair.

    Raises:
        ValueError: if a feature is NaN or infinite.

    Returns:
        In [0, 4], 0 where every class is one direction; NaN where no label occurs twice.

    Source:
        Wang & Isola 2020 (arXiv 2005.10242), alpha = 2. Deviation: their positive pairs are two augmentations of one
        image; here they are two images of one label, since the scorer looks at clean images only. It therefore reads
        how tight classes are, not how invariant the encoder is to a method's own augmentations.

    Example:
        >>> alignment(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]), np.array([0, 0, 1]))
        2.0
    """
    unit_ND = _unit_length(features_ND)
    total = pairs = 0.0
    for label in np.unique(labels_N):
        members_nD = unit_ND[labels_N == label]
        sum_D = members_nD.sum(axis=0)
        total += 2 * len(members_nD) * float(np.vdot(members_nD, members_nD)) - 2 * float(sum_D @ sum_D)
        pairs += len(members_nD) * (len(members_nD) - 1)
    return max(total / pairs, 0.0) if pairs else math.nan


def uniformity(features_ND: Features | Doubles) -> float:
    """Return `log mean_{i < j} exp(-2 ||z_i - z_j||^2)`, z being features of unit length.

    Pairs are met in chunks of at most `CHUNK_BYTES`, in float32 (the logarithm agrees with float64 to 1e-6).

    Args:
        features_ND: (N, D), finite; a zero vector stays zero.

    Raises:
        ValueError: if a feature is NaN or infinite.

    Returns:
        In [-8, 0], lower is more uniform, 0 where all examples point the same way (to 1e-6, which float32 does not tell
        apart: the same features gave 0 and -5e-9 in two processes); NaN below two examples.

    Source:
        Wang & Isola 2020 (arXiv 2005.10242), t = 2, over distinct pairs as in their code.

    Example:
        >>> round(uniformity(np.array([[1.0, 0.0], [-5.0, 0.0]])), 6)
        -8.0
    """
    if (num_examples := len(features_ND)) < 2:
        return math.nan
    unit_ND = _unit_length(features_ND).astype(np.float32)
    square_N, total = (unit_ND**2).sum(axis=1), 0.0
    chunk = max(1, CHUNK_BYTES // (4 * num_examples))
    for start in range(0, num_examples, chunk):
        potential_nN = unit_ND[start : start + chunk] @ unit_ND[start:].T
        potential_nN *= -2
        potential_nN += square_N[start : start + chunk, None]
        potential_nN += square_N[start:]
        np.maximum(potential_nN, 0, out=potential_nN)  # squared distances
        np.exp(np.multiply(potential_nN, -UNIFORMITY_T, out=potential_nN), out=potential_nN)
        size = len(potential_nN)
        # Rows of a chunk meet each other twice, themselves once, and later examples once.
        among = potential_nN[:, :size].sum(dtype=np.float64) - np.trace(potential_nN[:, :size], dtype=np.float64)
        total += float(among) / 2 + float(potential_nN[:, size:].sum(dtype=np.float64))
    found = math.log(total / (num_examples * (num_examples - 1) / 2))
    return found if found < -UNIFORMITY_ROUNDING else 0.0


def dead_units(features_ND: Features | Doubles) -> float:
    """Return the share of the D features that do not vary over the examples (mostly: are always 0), in [0, 1].

    Example:
        >>> dead_units(np.array([[0.0, 3.0, 1.0, 2.0], [0.0, 3.0, 2.0, 2.0]]))
        0.75
    """
    return 1 - float(varying_features(features_ND.astype(np.float64)).mean())


def varying_features(raw_ND: Doubles) -> NDArray[np.bool_]:
    """Mark the features that vary beyond float32 rounding, (D,): those that the linear probe would keep."""
    return raw_ND.std(axis=0) > CONSTANT_FEATURE_RATIO * np.abs(raw_ND).max(axis=0)


def centred_varying(features_ND: Features | Doubles) -> Doubles:
    """Centre the features, float64 (N, A); the D - A that do not vary are left out: rounding is no variance."""
    raw_ND = features_ND.astype(np.float64)
    raw_NA = raw_ND[:, varying_features(raw_ND)]
    return raw_NA - raw_NA.mean(axis=0)


def _singular_values(matrix_ND: Doubles) -> Doubles:
    """Return the R singular values, largest first.

    Those of a large matrix are roots of the eigenvalues of its smaller Gram matrix. Squares hide what is tiny, so that
    the directions of tiny values are looked at again by themselves.
    """
    if not matrix_ND.size:
        return np.zeros(0)
    if min(matrix_ND.shape) <= MOST_DECOMPOSED:
        return np.linalg.svd(matrix_ND, compute_uv=False).astype(np.float64)
    tall_NR = matrix_ND if matrix_ND.shape[0] >= matrix_ND.shape[1] else matrix_ND.T
    occupied_NR = tall_NR[:, np.abs(tall_NR).max(axis=0) > 0]
    sigma_R = np.zeros(tall_NR.shape[1])
    sigma_R[: occupied_NR.shape[1]] = _by_gram_matrix(occupied_NR)[::-1]
    return sigma_R


def _by_gram_matrix(tall_NR: Doubles) -> Doubles:
    """Return the singular values of a matrix of no more columns than rows, smallest first."""
    if not tall_NR.size:
        return np.zeros(0)
    gram_RR = tall_NR.T @ tall_NR
    sigma_R = np.sqrt(np.maximum(np.linalg.eigvalsh(gram_RR), 0))
    num_tiny = int((sigma_R < LEAST_SQUARED_RATIO * sigma_R[-1]).sum())
    if num_tiny:
        direction_RT = np.linalg.eigh(gram_RR)[1][:, :num_tiny]
        tiny_NT = tall_NR @ direction_RT
        sigma_R[:num_tiny] = np.sqrt(np.maximum(np.linalg.eigvalsh(tiny_NT.T @ tiny_NT), 0))
    return np.sort(sigma_R)


def _unit_length(features_ND: Features | Doubles) -> Doubles:
    raw_ND = features_ND.astype(np.float64)
    if not np.isfinite(raw_ND).all():
        raise ValueError("alignment and uniformity: expected finite features, got NaN or infinity")
    norm_N1 = np.sqrt((raw_ND**2).sum(axis=1, keepdims=True))
    return np.divide(raw_ND, norm_N1, out=np.zeros_like(raw_ND), where=norm_N1 > 0)


def _measure(view: ModelView, evaluation: Evaluation, earlier: Outcome) -> Outcome:
    """Read the final features of the test images; undefined numbers are NaN."""
    features_ND = view.test[FINAL_FEATURES]
    decay = spectral_decay(features_ND)
    values = {
        "rankme": rankme(features_ND),
        "alpha_req": decay.alpha,
        "alpha_req_r2": decay.r_squared,
        "alignment": alignment(features_ND, view.test_labels),
        "uniformity": uniformity(features_ND),
        "dead_units": dead_units(features_ND),
    }
    return Outcome({f"geometry/{name}": value for name, value in values.items()})


def _column(name: str, title: str, description: str) -> Column:
    return Column(name=f"geometry/{name}", title=title, better="neither", description=description)


METRIC = ModelMetric(
    "geometry", version=1, settings=lambda evaluation: None, measure=_measure,
    columns=(
        _column(
            "rankme", "RankMe",
            "Effective rank of the test features: exponential of the entropy of their normalised singular values; from "
            "1 to the number of features, 0 where all are zero. Compare within one method only.",
        ),
        _column(
            "alpha_req", "alpha-ReQ",
            "Exponent of the power law fitted to the eigenvalues of the feature covariance; larger means fewer "
            "directions carry the variance. Undefined with fewer than three eigenvalues.",
        ),
        _column("alpha_req_r2", "alpha-ReQ fit", "Share of the log eigenvalues' variance that it explains, in [0, 1]."),
        _column(
            "alignment", "Alignment",
            "Mean squared distance between unit-length features of two test images of the same label, in [0, 4]; lower "
            "means tighter classes (pairs of one label, not augmentations of one image as in Wang & Isola 2020).",
        ),
        _column(
            "uniformity", "Uniformity",
            "Logarithm of the mean Gaussian potential exp(-2 d^2) between unit-length features of two test images, in "
            "[-8, 0]; lower means spread more evenly over the sphere.",
        ),
        _column("dead_units", "Dead units", "Share of features that do not vary over the test images, in [0, 1]."),
    ),
)  # fmt: skip
