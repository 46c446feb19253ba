"""What pruning does to every class, against the paired test over models by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from leaderboard.board.predictions import Predictions
from leaderboard.figures.class_frame import class_frame


def test_classes_are_sorted_by_what_they_lost_with_the_paired_test() -> None:
    stream = np.random.default_rng(0)
    label_N = np.arange(300) % 3
    dense_KN = np.where(stream.random((6, 300)) < 0.95, label_N, 3)
    keep_C = np.array([0.95, 0.6, 0.9])
    sparse_KN = np.where(stream.random((6, 300)) < keep_C[label_N], label_N, 3)
    names = {"0": "a", "1": "b", "2": "c", "3": "d"}
    frame = class_frame(Predictions(dense_KN, label_N), Predictions(sparse_KN, label_N), names)
    assert frame["name"].tolist() == ["b", "c", "a"]
    assert frame["hit"].tolist()[0] == "hit"
    move_KC = np.array([[(s[label_N == c] == c).mean() - (d[label_N == c] == c).mean() for c in range(3)]
                        for d, s in zip(dense_KN, sparse_KN, strict=True)])  # fmt: skip
    beyond_K = move_KC[:, 1] - ((sparse_KN == label_N).mean() - (dense_KN == label_N).mean())
    assert frame["difference"].tolist()[0] == pytest.approx(beyond_K.mean())
    assert frame["p"].tolist()[0] == pytest.approx(ttest_1samp(beyond_K, 0).pvalue)  # pyright: ignore
    interval = ttest_1samp(beyond_K, 0).confidence_interval(0.95)  # pyright: ignore
    assert frame[["low", "high"]].to_numpy()[0].tolist() == pytest.approx([interval.low, interval.high])


def test_one_model_has_no_test_of_its_classes() -> None:
    one_KN = np.zeros((1, 10), np.int64)
    assert class_frame(Predictions(one_KN, one_KN[0]), Predictions(one_KN, one_KN[0]), {"0": "a"}).empty
