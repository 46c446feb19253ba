"""No page shows where pictures lay on the machine of whoever signed a record."""

from __future__ import annotations

import pytest

from leaderboard.text.host_paths import ON_SIGNERS_MACHINE, without_host_paths


@pytest.mark.parametrize(
    "path",
    ["/home/ada/scans", "~/scans", "~ada/scans", "../../ada/scans", r"C:\Users\ada\scans", "C:/Users/ada",
     r"\\server\ada", r"..\ada", "file:///home/ada", "scans/../../ada"],
)  # fmt: skip
def test_a_path_of_a_host_is_replaced(path: str) -> None:
    spec = {"tasks": [{"dataset": {"name": "image_folder", "path": path}}], "transfer": ({"path": path},)}
    shown = without_host_paths(spec)
    assert "ada" not in repr(shown)
    assert shown["tasks"][0]["dataset"] == {"name": "image_folder", "path": ON_SIGNERS_MACHINE}


@pytest.mark.parametrize("path", ["cifar10-jpeg", "medical/scans.zip", "sha256:" + "a" * 64, None, 3])
def test_the_name_of_shipped_pictures_and_the_digest_of_ones_own_stay(path: object) -> None:
    spec = {"tasks": [{"dataset": {"name": "image_folder", "path": path, "size": 16}}]}
    assert without_host_paths(spec) == spec
