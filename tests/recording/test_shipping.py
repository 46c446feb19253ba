"""Shipping a record: everything that belongs to it goes along; what is not to be believed, or too large, stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.recording.archive import outcomes_path
from benchmark.recording.record_files import read_content, record_paths
from benchmark.recording.shipping import ship
from benchmark.recording.trust import load_trust
from benchmark.recording.verify import judge
from leaderboard.reading.pictures import read_pictures
from tests.leaderboard.records import PICTURES, Knobs, add_outcomes, evaluation, keep_pictures, shelve


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = evaluation(Knobs())
    (path,) = shelve(tmp_path / "home", made)
    add_outcomes(path, made)
    keep_pictures(tmp_path / "home")
    return path


def test_a_shipped_record_is_believed_and_has_its_files_and_images(path: Path, tmp_path: Path) -> None:
    shipped = ship(path, tmp_path / "home", tmp_path / "results", load_trust())
    assert shipped == tmp_path / "results" / "digits-1.0" / f"{path.name}.gz"
    assert read_content(shipped) == path.read_bytes()
    assert shipped.stat().st_size < path.stat().st_size / 3
    assert judge(shipped, load_trust()).problem == ""
    assert read_pictures([tmp_path / "results"], PICTURES.digest) is not None
    first = shipped.read_bytes()
    assert ship(path, tmp_path / "home", tmp_path / "results", load_trust()) == shipped
    assert shipped.read_bytes() == first
    assert ship(shipped, tmp_path / "home", tmp_path / "other", load_trust()).read_bytes() == first


def test_a_packed_record_takes_the_place_of_the_plain_one(path: Path, tmp_path: Path) -> None:
    """Records shipped as plain JSON once; both would be two rows."""
    old = tmp_path / "results" / "digits-1.0" / path.name
    old.parent.mkdir(parents=True)
    old.write_bytes(path.read_bytes())
    shipped = ship(path, tmp_path / "home", tmp_path / "results", load_trust())
    assert list(record_paths(tmp_path / "results")) == [shipped]


def test_an_altered_or_too_large_record_is_not_shipped(path: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    with pytest.raises(ValueError, match=r"expected at most 0\.001 MiB .* got"):
        ship(path, tmp_path / "home", results, load_trust(), max_bytes=1049)
    outcomes_path(path).write_bytes(b"other")
    with pytest.raises(ValueError, match="changed after signing"):
        ship(path, tmp_path / "home", results, load_trust())
    assert not results.exists()


def test_a_record_with_a_path_of_this_machine_is_not_shipped(tmp_path: Path) -> None:
    made = evaluation(Knobs())
    pictures = {"name": "image_folder", "path": "/home/ada/pictures", "size": 8}
    made = made.model_copy(update={"spec": made.spec | {"tasks": [{"dataset": pictures}]}})
    (path,) = shelve(tmp_path / "home", made)
    add_outcomes(path, made)
    with pytest.raises(ValueError, match="pictures that are named by their content"):
        ship(path, tmp_path / "home", tmp_path / "results", load_trust())
    assert not (tmp_path / "results").exists()
