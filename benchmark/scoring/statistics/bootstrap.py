"""The bootstrap: means over models and test examples, both resampled together.

It does not know what the numbers mean: a statistic is a matrix with one entry per model and test example. The interval
of a ratio or a difference is built by its metric, from the same draws.

Shapes: S statistics, K models, N test examples, R bootstrap draws, B draws of one chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.scoring.score_math import Interval

Doubles = NDArray[np.float64]

EXAMPLE_STREAM, MODEL_STREAM = 0x45584D50, 0x4D4F444C
"""Tags that keep the resampling of examples and of models apart (ASCII of EXMP and MODL)."""

CHUNK_BYTES = 64 * 2**20
"""Working memory for one chunk of draws; results do not depend on it beyond float32 rounding."""


def bootstrap_draws(values_SKN: NDArray[Any], draws: int, seed: int) -> Doubles:
    """Resample models and test examples together and return the mean of every statistic in every draw.

    Draw r counts model k `m_rk` times and example i `e_ri` times, `m_r` multinomial(K; 1/K, ...) and `e_r`
    multinomial(N; 1/N, ...), independent of each other; the mean is `sum_ki m_rk e_ri values_ski / (K N)`. All
    statistics see the same draws, so ratios and differences of the columns are paired.

    The resampled examples depend on N and on the draw's number alone: whatever the statistics, the models and `seed`,
    draw r reads the same test examples, so that the difference of two calls is a paired draw. Products are float32
    (means of numbers in [0, 1] agree with float64 to 1e-6).

    Args:
        values_SKN: (S, K, N), any real dtype, finite.
        draws: R, at least 1.
        seed: names the resampling of models; give two submissions different ones, as their models are unrelated.

    Returns:
        float64 (R, S).

    Raises:
        ValueError: if the stack has no model, no example or another number of axes.

    Source:
        The "pigeonhole" bootstrap of crossed factors (Owen 2007, Annals of Applied Statistics 1(2); abstract read
        only). Its expected variance has `(1 - 1/K)` of the part due to models and about three times the part due to
        models and examples interacting, which is small: with few models the interval is too short (`t_interval`).
        Speed: 10,000 draws of 30 models x 37 cells x 10,000 examples take 2.8 to 3.1 s (mean 2.9, n = 4) and 180 MiB
        beside the input on one core of a shared 2-core cloud machine (AVX-512, numpy 2, OpenBLAS, OMP_NUM_THREADS=1);
        `python -m tests.scoring.statistics.test_bootstrap` measures it again.
    """
    if values_SKN.ndim != 3 or 0 in values_SKN.shape[1:]:
        raise ValueError(f"bootstrap: expected values (S, K >= 1, N >= 1), got {values_SKN.shape}")
    num_statistics, num_models, num_examples = values_SKN.shape
    columns_NF = np.ascontiguousarray(values_SKN.reshape(-1, num_examples).T, dtype=np.float32)
    weights_RK = np.random.default_rng([MODEL_STREAM, seed]).multinomial(
        num_models, np.full(num_models, 1 / num_models), size=draws
    )
    sums_RS = np.empty((draws, num_statistics))
    for chunk, weights_BN in _example_weights(num_examples, draws):
        per_model_BSK = (weights_BN @ columns_NF).reshape(-1, num_statistics, num_models).astype(np.float64)
        sums_RS[chunk] = np.einsum("bsk,bk->bs", per_model_BSK, weights_RK[chunk])
    return sums_RS / (num_models * num_examples)


def percentile_interval(draws_R: Doubles, confidence: float) -> Interval:
    """Return the central share `confidence` of the draws, (R,): their (1 - confidence) / 2 quantiles, interpolated."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws_R, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _example_weights(num_examples: int, draws: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield chunks of multinomial counts of the test examples, float32 (B, N), with the draws they are for."""
    stream = np.random.default_rng([EXAMPLE_STREAM, num_examples])
    chunk_draws = max(1, CHUNK_BYTES // (12 * num_examples))  # 8 bytes for an index, 4 for a weight
    for start in range(0, draws, chunk_draws):
        chunk = slice(start, min(start + chunk_draws, draws))
        # Indices counted row by row: ten times faster than Generator.multinomial, which draws N binomials per row.
        index_BN = stream.integers(0, num_examples, size=(chunk.stop - chunk.start, num_examples))
        weights_BN = np.empty(index_BN.shape, np.float32)
        for row, index_N in enumerate(index_BN):
            weights_BN[row] = np.bincount(index_N, minlength=num_examples)
        yield chunk, weights_BN
