"""A file counts as one on a local disk only where its mount says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.files.local_disk import is_local


@pytest.mark.parametrize(("kind", "expected"), [("ext4", True), ("nfs4", False), ("fuse.sshfs", False), ("", False)])
def test_a_file_system_is_local_only_where_it_is_known_to_be(
    kind: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "x").open("wb") as file:
        said = Path(f"/proc/self/fdinfo/{file.fileno()}").read_text()
        mount = next(line.split()[1] for line in said.splitlines() if line.startswith("mnt_id:"))
        line = f"{mount} 1 8:1 / /home\\040of\\040x rw shared:1 - {kind} server:/export rw\n" if kind else ""
        mounts = f"{mount}0 1 8:2 / / rw - xfs /dev/sda rw\n{line}9999 1 8:2 / / rw - xfs /dev/sda rw\n"
        read = Path.read_text
        monkeypatch.setattr(
            Path, "read_text", lambda self, *a: mounts if self.name == "mountinfo" else read(self, *a)
        )
        assert is_local(file.fileno()) == expected
