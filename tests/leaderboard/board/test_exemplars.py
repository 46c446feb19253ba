"""The images that pruning forgets: against a naive count; archives of images that are absent, altered or hostile."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.board.exemplars import also_forgotten_by, exemplars, reading_rows, votes
from leaderboard.board.predictions import Predictions

DENSE, CELL = ("t", "dense", 0.0), ("t", "late", 0.9)


def _predictions(seed: int, models: int, count: int = 40) -> Predictions:
    return Predictions(np.random.default_rng(seed).integers(0, 4, (models, count)), np.arange(count) % 4)


def _mode(votes_K: np.ndarray) -> tuple[int, Counter[int]]:
    counts = Counter(votes_K.tolist())
    return min(counts, key=lambda label: (-counts[label], label)), counts


@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 7))
def test_exemplars_are_those_of_a_naive_count_most_forgotten_first(seed: int, models: int, pruned_models: int) -> None:
    dense, pruned = _predictions(seed, models), _predictions(seed + 1, pruned_models)
    found = {each.example: each for each in exemplars(dense, pruned)}
    for place in range(40):
        (before, counts), (after, later) = (_mode(each.predicted_KN[:, place]) for each in (dense, pruned))
        assert (place in found) is (before != after)
        if place in found:
            each = found[place]
            assert (each.label, each.dense, each.pruned) == (place % 4, before, after)
            assert each.strength == pytest.approx(counts[before] / models - later[before] / pruned_models)
    strengths = [each.strength for each in found.values()]
    assert strengths == sorted(strengths, reverse=True)


def test_other_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="same test examples"):
        exemplars(_predictions(0, 2), _predictions(0, 2, count=39))


def test_votes_are_shares_of_each_population() -> None:
    label_N = np.array([1])
    dense, pruned = Predictions(np.array([[1], [1], [0], [1]]), label_N), Predictions(np.array([[2], [1]]), label_N)
    frame = votes(dense, pruned, 0, {"1": "one"})
    found = {(row["name"], row["side"]): row["share"] for row in frame.to_dict("records")}
    assert found == {("0", "dense"): 0.25, ("0", "pruned"): 0.0, ("one", "dense"): 0.75, ("one", "pruned"): 0.5,
                     ("2", "dense"): 0.0, ("2", "pruned"): 0.5}  # fmt: skip


def test_only_who_was_read_on_the_same_examples_is_asked() -> None:
    label_N = np.array([0, 1])
    keeps = {DENSE: Predictions(np.array([[0, 1]]), label_N), CELL: Predictions(np.array([[0, 1]]), label_N)}
    forgets = keeps | {CELL: Predictions(np.array([[0, 0]]), label_N)}
    elsewhere = {key: Predictions(each.predicted_KN, label_N[::-1]) for key, each in forgets.items()}
    others = [("keeps", keeps), ("forgets", forgets), ("elsewhere", elsewhere), ("absent", None), ("part", {})]
    assert also_forgotten_by(1, CELL, DENSE, label_N, others) == (["forgets"], 2)


def test_readings_are_means_over_models_and_absent_ones_are_left_out() -> None:
    rows = [("t", schedule, sparsity, seed, example, depth + seed + example, np.nan)
            for schedule, sparsity, depth in (("dense", 0.0, 1), ("late", 0.9, 5), ("late", 0.5, 9))
            for seed in range(3) for example in range(2)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["task", "schedule", "sparsity", "seed", "example", "depth/pred",
                                        "q_score_2024/score"])  # fmt: skip
    found = reading_rows(frame, DENSE, CELL, 1)
    assert found.to_dict("records") == [{"Number": "Prediction depth", "Dense": 3.0, "Pruned": 7.0}]
