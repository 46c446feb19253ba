"""What pruning does to every class, against the test of classes and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.scoring.statistics.class_changes import class_changes
from leaderboard.board.predictions import Predictions
from leaderboard.figures.class_frame import HIT, HIT_ALONE, NOT_HIT, UNTESTED, WHOLLY_LOST, class_frame

NAMES = {"0": "a", "1": "b", "2": "c", "3": "d"}


def _sides() -> tuple[Predictions, Predictions]:
    """Six models on three classes, dense and pruned: class b loses most."""
    stream = np.random.default_rng(0)
    label_N = np.arange(300) % 3
    dense_KN = np.where(stream.random((6, 300)) < 0.95, label_N, 3)
    keep_C = np.array([0.95, 0.6, 0.9])
    sparse_KN = np.where(stream.random((6, 300)) < keep_C[label_N], label_N, 3)
    return Predictions(dense_KN, label_N), Predictions(sparse_KN, label_N)


def test_classes_are_sorted_by_what_they_lost_beyond_each_models_own_change() -> None:
    dense, sparse = _sides()
    dense_KN, sparse_KN, label_N = dense.predicted_KN, sparse.predicted_KN, dense.label_N
    frame = class_frame(dense, sparse, NAMES, 1)
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
    frame = class_frame(Predictions(dense_KN, label_N), Predictions(sparse_KN, label_N), NAMES, 1).set_index("name")
    assert frame.loc["a", "difference"] > 0.2
    assert frame["hit"].to_dict() == {"a": NOT_HIT, "b": UNTESTED, "c": UNTESTED}


def test_one_model_has_no_test_of_its_classes() -> None:
    one_KN = np.zeros((1, 10), np.int64)
    assert class_frame(Predictions(one_KN, one_KN[0]), Predictions(one_KN, one_KN[0]), {"0": "a"}, 1).empty


def test_a_class_that_is_hit_among_the_classes_of_one_cell_is_named_so_where_a_record_has_many_cells() -> None:
    """Fifteen cells had fifteen times the error: some class was called hit in .22 of records in which nothing was."""
    sides = _sides()
    alone = class_frame(*sides, NAMES, 1)
    p = alone["p"].to_numpy().min()
    assert 0 < p <= 0.05
    few, many = (class_frame(*sides, NAMES, cells) for cells in (int(0.05 / p), int(0.05 / p) + 1))
    assert few["hit"].tolist() == [HIT, NOT_HIT, NOT_HIT]
    assert many["hit"].tolist() == [HIT_ALONE, NOT_HIT, NOT_HIT]
    assert many["p"].to_numpy().min() == pytest.approx(p * (int(0.05 / p) + 1))
    assert class_frame(*sides, NAMES, 10**9)["p"].to_numpy().max() == 1.0


def test_a_class_that_every_model_forgets_wholly_says_so() -> None:
    """It has no variance and hence no test, but it read like a class in which nothing happened."""
    label_N = np.arange(300) % 3
    dense_KN = np.tile(label_N, (6, 1))
    sparse_KN = np.where((label_N == 0) | (np.random.default_rng(0).random((6, 300)) < 0.1), 3, label_N)
    frame = class_frame(Predictions(dense_KN, label_N), Predictions(sparse_KN, label_N), NAMES, 1).set_index("name")
    assert frame["hit"].to_dict() == {"a": WHOLLY_LOST, "b": NOT_HIT, "c": NOT_HIT}


def test_a_class_of_a_single_image_is_not_said_to_be_forgotten_wholly() -> None:
    label_N = np.array([0] + [1, 2] * 150)
    dense_KN = np.tile(label_N, (6, 1))
    sparse_KN = np.where((label_N == 0) & (np.arange(6) < 3)[:, None], 3, label_N)
    frame = class_frame(Predictions(dense_KN, label_N), Predictions(sparse_KN, label_N), NAMES, 1).set_index("name")
    assert frame.loc["a", "hit"] == UNTESTED
