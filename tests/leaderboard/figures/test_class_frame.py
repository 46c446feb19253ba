"""What pruning does to every class, against the test of classes and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.scoring.statistics.class_changes import class_changes
from leaderboard.board.predictions import Predictions
from leaderboard.figures.class_frame import HIT, NOT_HIT, UNTESTED, class_frame

NAMES = {"0": "a", "1": "b", "2": "c", "3": "d"}


def test_classes_are_sorted_by_what_they_lost_beyond_each_models_own_change() -> None:
    stream = np.random.default_rng(0)
    label_N = np.arange(300) % 3
    dense_KN = np.where(stream.random((6, 300)) < 0.95, label_N, 3)
    keep_C = np.array([0.95, 0.6, 0.9])
    sparse_KN = np.where(stream.random((6, 300)) < keep_C[label_N], label_N, 3)
    frame = class_frame(Predictions(dense_KN, label_N), Predictions(sparse_KN, label_N), NAMES)
    assert frame["name"].tolist() == ["b", "c", "a"]
    assert frame["hit"].tolist() == [HIT, NOT_HIT, NOT_HIT]
    move_KC = np.array([[(s[label_N == c] == c).mean() - (d[label_N == c] == c).mean() for c in range(3)]
                        for d, s in zip(dense_KN, sparse_KN, strict=True)])  # fmt: skip
    beyond_K = move_KC[:, 1] - ((sparse_KN == label_N).mean(axis=1) - (dense_KN == label_N).mean(axis=1))
    assert frame["difference"].tolist()[0] == pytest.approx(beyond_K.mean())
    found = class_changes(dense_KN == label_N, sparse_KN == label_N, label_N, 3)
    assert frame["p"].tolist()[0] == pytest.approx(found.corrected_p[1])
    low, value, high = frame[["low", "difference", "high"]].to_numpy()[0].tolist()
    assert (value - low) == pytest.approx(high - value)
    assert (high - low) / 2 == pytest.approx(2.4 * found.error_C[1], rel=0.2)


def test_a_class_that_gained_is_not_marked_and_one_without_variance_says_so() -> None:
    """A class that gained significantly was filled as a hit (a visitor's finding)."""
    stream = np.random.default_rng(1)
    label_N = np.arange(300) % 3
    dense_KN = np.where((stream.random((6, 300)) < 0.5) | (label_N == 2), label_N, 3)
    sparse_KN = np.where((dense_KN == label_N) | ((label_N == 0) & (stream.random((6, 300)) < 0.9)), label_N, 3)
    frame = class_frame(Predictions(dense_KN, label_N), Predictions(sparse_KN, label_N), NAMES).set_index("name")
    assert frame.loc["a", "difference"] > 0.2
    assert frame["hit"].to_dict() == {"a": NOT_HIT, "b": UNTESTED, "c": UNTESTED}


def test_one_model_has_no_test_of_its_classes() -> None:
    one_KN = np.zeros((1, 10), np.int64)
    assert class_frame(Predictions(one_KN, one_KN[0]), Predictions(one_KN, one_KN[0]), {"0": "a"}).empty
