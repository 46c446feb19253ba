"""A place that cannot be written is refused before hours are spent: `fmn submit --out FOLDER` failed at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.files.destination import why_no_file, why_no_folder


@pytest.mark.parametrize("name", ["new.bundle", "there.bundle", "not/yet/there.bundle", "link.bundle"])
def test_a_file_can_be_written_where_none_is_or_one_is(name: str, tmp_path: Path) -> None:
    (tmp_path / "there.bundle").write_text("kept")
    (tmp_path / "link.bundle").symlink_to("there.bundle")
    before = sorted(tmp_path.iterdir())
    assert why_no_file(tmp_path / name) is None
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.bundle").read_text() == "kept"


def test_a_file_cannot_be_written_over_a_folder_below_a_file_or_over_a_device(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert why_no_file(tmp_path) == f"the folder {tmp_path}; name a file in it"
    assert "is no folder" in (why_no_file(tmp_path / "file" / "a") or "")
    assert "a pipe or device" in (why_no_file(Path("/dev/null")) or "")
    assert "nothing can be written in /proc" in (why_no_file(Path("/proc/none/a")) or "")


def test_a_folder_can_be_there_or_be_made_and_a_file_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert why_no_folder(tmp_path) is None
    assert why_no_folder(tmp_path / "not" / "yet") is None
    assert why_no_folder(tmp_path / "file") == f"the file {tmp_path / 'file'}; name a folder"
    assert "is no folder" in (why_no_folder(tmp_path / "file" / "below") or "")
    assert "nothing can be written in /proc" in (why_no_folder(Path("/proc/none")) or "")
