"""The map and the classes of a submission: what the files say is what is drawn; altered or missing files say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from benchmark.recording.archive import maps_path, read_record
from leaderboard.board.map_points import points_of_panel
from leaderboard.board.predictions import Predictions
from leaderboard.figures.class_frame import class_frame
from leaderboard.reading.maps import read_maps
from leaderboard.reading.outcomes import read_outcomes
from tests.leaderboard.records import TASK, Knobs, add_outcomes, evaluation, shelve


@pytest.fixture
def record(tmp_path: Path) -> Path:
    made = evaluation(Knobs())
    (path,) = shelve(tmp_path, made)
    add_outcomes(path, made)
    return path


def test_a_panel_holds_every_image_on_both_sides_and_marks_the_forgotten(record: Path) -> None:
    said = read_record(record)
    maps, outcomes = read_maps(record, said.maps_sha256), read_outcomes(record, said.outcomes_sha256)
    assert maps is not None
    assert outcomes is not None
    points = points_of_panel(maps, TASK, "early", outcomes)
    assert points["side"].tolist() == ["dense"] * 120 + ["pruned"] * 120
    dense, sparse = outcomes[TASK, "dense", 0.0], outcomes[TASK, "early", 0.98]
    for example, forgotten in zip(points["example"].tolist(), points["forgotten"].tolist(), strict=True):
        votes = [int(np.bincount(each.predicted_KN[:, int(example)]).argmax()) for each in (dense, sparse)]
        assert bool(forgotten) is (votes[0] != votes[1])
    mine = maps[maps["schedule"] == "early"]
    assert points.loc[points["side"] == "pruned", "y"].tolist() == mine["y_sparse"].tolist()
    assert set(points_of_panel(maps, TASK, "early", None)["forgotten"].tolist()) == {False}
    assert points_of_panel(maps, TASK, "none of these", outcomes).empty


def test_an_altered_or_missing_map_is_not_read(record: Path) -> None:
    said = read_record(record)
    assert read_maps(record, None) is None
    maps_path(record).write_bytes(maps_path(record).read_bytes() + b" ")
    assert read_maps(record, said.maps_sha256) is None
    maps_path(record).unlink()
    assert read_maps(record, said.maps_sha256) is None


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
