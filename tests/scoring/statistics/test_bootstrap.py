"""The bootstrap over models and examples together, against loops and closed forms.

Run as a program it measures the time and the memory: `python -m tests.scoring.statistics.test_bootstrap`.
"""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.scoring.score_math import Interval
from benchmark.scoring.statistics import bootstrap
from benchmark.scoring.statistics.bootstrap import bootstrap_draws, percentile_interval


def random_values(seed: int, num_statistics: int, num_models: int, num_examples: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    skill_K = rng.normal(size=(num_models, 1))
    return (rng.random((num_statistics, num_models, num_examples)) < 1 / (1 + np.exp(-skill_K))).astype(np.float64)


def test_every_draw_is_the_weighted_mean_of_the_formula() -> None:
    """The counts of the draws are read off indicator statistics; the means are then summed one entry at a time."""
    num_models, num_examples, draws = 3, 4, 20
    values_KN = np.random.default_rng(0).normal(size=(num_models, num_examples))
    indicators = np.eye(num_models * num_examples).reshape(-1, num_models, num_examples)
    found_RS = bootstrap_draws(np.concatenate([indicators, values_KN[None]]), draws, seed=5)
    counts_RKN = found_RS[:, :-1].reshape(draws, num_models, num_examples) * num_models * num_examples
    for counts_KN, found in zip(counts_RKN, found_RS[:, -1], strict=True):
        total = sum(
            counts_KN[k, i] * values_KN[k, i] for k in range(num_models) for i in range(num_examples)
        )
        assert found == pytest.approx(total / (num_models * num_examples), abs=1e-6)
        model_counts_K, example_counts_N = counts_KN.sum(axis=1) / num_examples, counts_KN.sum(axis=0) / num_models
        np.testing.assert_allclose(counts_KN, np.outer(model_counts_K, example_counts_N), atol=1e-5)
        np.testing.assert_allclose(model_counts_K, model_counts_K.round(), atol=1e-5)
        np.testing.assert_allclose(example_counts_N, example_counts_N.round(), atol=1e-5)
        assert (round(model_counts_K.sum()), round(example_counts_N.sum())) == (num_models, num_examples)


def test_the_variance_of_the_draws_is_the_closed_form_of_the_two_way_bootstrap() -> None:
    """For independent multinomial weights: `V_K / K (1 - 1/N) + V_N / N (1 - 1/K) + V_KN / (K N)`.

    V_K, V_N and V_KN are the population variances of the means over examples, of the means over models, and of all
    entries: models `V_K / K`, examples `V_N / N` and their interaction `(V_KN - V_K - V_N) / (K N)`, added up.
    """
    values_KN = random_values(1, 1, 5, 30)[0]
    num_models, num_examples = values_KN.shape
    of_models, of_examples, of_all = values_KN.mean(axis=1).var(), values_KN.mean(axis=0).var(), values_KN.var()
    expected = (
        of_models / num_models * (1 - 1 / num_examples)
        + of_examples / num_examples * (1 - 1 / num_models)
        + of_all / (num_models * num_examples)
    )
    draws_R = bootstrap_draws(values_KN[None], 40_000, seed=0)[:, 0]
    assert draws_R.mean() == pytest.approx(values_KN.mean(), abs=3e-3)
    assert draws_R.var() == pytest.approx(expected, rel=0.05)


def test_all_submissions_re_read_the_same_examples_whatever_their_models() -> None:
    """With identical models only the examples matter, so the number of models and the seed must not."""
    values_N = np.random.default_rng(2).random(25)
    few_R1 = bootstrap_draws(np.tile(values_N, (1, 2, 1)), 200, seed=1)
    many_R1 = bootstrap_draws(np.tile(values_N, (1, 7, 1)), 200, seed=2)
    np.testing.assert_allclose(few_R1, many_R1, atol=1e-6)
    assert few_R1.std() > 0


def test_the_seed_names_the_resampling_of_models() -> None:
    values_SKN = random_values(3, 1, 6, 10)
    first, again, other = (bootstrap_draws(values_SKN, 50, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_size_of_a_chunk_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values_SKN = random_values(4, 3, 4, 17)
    whole_RS = bootstrap_draws(values_SKN, 101, seed=0)
    monkeypatch.setattr(bootstrap, "CHUNK_BYTES", 12 * 17 * 7)
    np.testing.assert_allclose(bootstrap_draws(values_SKN, 101, seed=0), whole_RS, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000), num_models=st.integers(1, 6), num_examples=st.integers(1, 40),
    confidence=st.floats(0.5, 0.99),
)  # fmt: skip
def test_intervals_lie_within_the_values_and_grow_with_confidence(
    seed: int, num_models: int, num_examples: int, confidence: float
) -> None:
    values_SKN = random_values(seed, 2, num_models, num_examples)
    for draws_R in bootstrap_draws(values_SKN, 200, seed=0).T:
        outer, inner = percentile_interval(draws_R, confidence), percentile_interval(draws_R, confidence / 2)
        assert -1e-6 <= outer.low <= inner.low <= inner.high <= outer.high <= 1 + 1e-6


def test_without_variance_the_interval_has_no_width() -> None:
    draws_RS = bootstrap_draws(np.full((1, 4, 9), 0.5), 100, seed=0)
    assert percentile_interval(draws_RS[:, 0], 0.95) == Interval(0.5, 0.5)


def test_the_percentile_interval_takes_the_central_share() -> None:
    assert percentile_interval(np.arange(101.0), 0.9) == pytest.approx((5, 95))


@pytest.mark.parametrize("shape", [(3, 4), (1, 0, 4), (1, 4, 0)])
def test_a_stack_without_models_or_examples_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected values \(S, K >= 1, N >= 1\)"):
        bootstrap_draws(np.zeros(shape), 10, seed=0)


def large_grid() -> NDArray[Any]:
    """Who got what right in 37 cells of 30 models and 10,000 examples."""
    return np.random.default_rng(0).random((37, 30, 10_000), dtype=np.float32) < 0.9


def test_the_largest_grid_needs_less_than_300_megabytes_of_working_memory() -> None:
    """Memory does not depend on the number of draws, so few are enough to see it."""
    values_SKN = large_grid()
    tracemalloc.start()
    bootstrap_draws(values_SKN, 800, seed=0)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 300e6


def main() -> None:
    """Print what 10,000 draws of the largest grid cost."""
    values_SKN = large_grid()
    tracemalloc.start()
    start_s = time.perf_counter()
    bootstrap_draws(values_SKN, 10_000, seed=0)
    elapsed_s = time.perf_counter() - start_s
    print(f"{elapsed_s:.2f} s, {tracemalloc.get_traced_memory()[1] / 2**20:.0f} MiB beside the input")


if __name__ == "__main__":
    main()
