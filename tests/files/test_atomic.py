"""Files and folders that are replaced: complete or untouched, whoever fails, whoever else does the same."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from benchmark.files.atomic import (
    replace_folder,
    replaced_file,
    replaced_folder,
    unfinished_folder,
    write_atomically,
    write_once,
)
from benchmark.files.unfinished import find_unfinished


def leftovers(folder: Path) -> list[Path]:
    return list(find_unfinished(folder))


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_and_missing_folders_are_made(durable: bool, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for content in (b"old", b"new"):
        write_atomically(path, content, durable=durable)
        assert path.read_bytes() == content
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("durable", [True, False])
def test_only_what_must_survive_a_power_failure_waits_for_the_disk(
    durable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_atomically(tmp_path / "file", b"x", durable=durable)
    assert len(synced) == (2 if durable else 0)  # the file, then its folder


def test_an_error_while_writing_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write_half() -> None:
        with replaced_file(path) as unfinished:
            unfinished.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


def test_threads_that_write_the_same_file_do_not_meet(tmp_path: Path) -> None:
    """Names of unfinished files once held the process's number alone, which threads share."""
    with replaced_file(tmp_path / "file") as first, replaced_file(tmp_path / "file") as second:
        assert first != second
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert (tmp_path / "file").read_bytes() == b"first"


def test_the_longest_names_can_be_replaced(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("x" * 255), b"content")
    assert (tmp_path / ("x" * 255)).read_bytes() == b"content"


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "folder"
    for name in ("old", "new"):
        with replaced_folder(folder) as new:
            (new / name).write_text(name)
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert leftovers(tmp_path) == []


def test_an_error_while_filling_keeps_the_old_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with replaced_folder(folder) as new:
        (new / "old").touch()

    def fill_half() -> None:
        with replaced_folder(folder) as new:
            (new / "new").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fill_half()
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert leftovers(tmp_path) == []


def test_a_folder_that_cannot_be_renamed_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rename = tmp_path / "folder", Path.rename
    with replaced_folder(folder) as new:
        (new / "old").touch()

    def fail(self: Path, target: Path) -> Path:
        if (self / "new").exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="Input/output error"), replaced_folder(folder) as new:
        (new / "new").touch()
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert leftovers(tmp_path) == []


def test_of_two_who_replace_a_folder_at_once_one_stays_whole(tmp_path: Path) -> None:
    """Two evaluations that admitted the same submission once ended in "Directory not empty"."""
    together, failures = threading.Barrier(4), list[BaseException]()

    def replace(name: str) -> None:
        try:
            for _ in range(50):
                with unfinished_folder(tmp_path, "folder") as new:
                    (new / name).touch()
                    (new / f"{name} too").touch()
                    together.wait()
                    replace_folder(new, tmp_path / "folder", durable=False)
        except BaseException as error:
            failures.append(error)
            together.abort()

    threads = [threading.Thread(target=replace, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    names = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert len(names) == 2
    assert names[1] == f"{names[0]} too"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_what_is_written_once_is_its_owners_alone_and_never_replaced(mask: int, tmp_path: Path) -> None:
    path, before = tmp_path / "key", os.umask(mask)
    try:
        write_once(path, b"first")
        write_once(path, b"second")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert leftovers(tmp_path) == []
