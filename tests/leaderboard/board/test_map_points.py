"""A panel of a map holds every image on both sides and marks what is forgotten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.recording.archive import read_record
from leaderboard.board.map_points import points_of_panel
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
