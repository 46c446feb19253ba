"""Admission into the copy that trainers read: any number of evaluations at once, and never a moment without it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.store.layout import Home
from benchmark.store.submission_copies import admit_a_copy
from tests.executors.submissions import write_submission


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    folder = write_submission(tmp_path / "submission")
    (folder / "losses").mkdir()
    for number in range(8):
        (folder / "losses" / f"part{number}.py").write_text(f"x = {number}\n" * 500)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _admit_again_and_again(submission: Path, root: Path, start: Any, failures: Any) -> None:
    start.wait()
    for _ in range(40):
        try:
            copy = admit_a_copy(submission, Home(root)).directory
            if contents(copy) != contents(submission):
                failures.put("incomplete")
        except Exception as error:
            failures.put(repr(error))


@pytest.mark.parametrize("is_damaged", [False, True])
def test_evaluations_that_admit_at_once_all_have_a_complete_copy_at_every_moment(
    submission: Path, tmp_path: Path, is_damaged: bool
) -> None:
    """I9: of two, one ended once with "Directory not empty", and once the copy was gone while it was replaced."""
    root, context = tmp_path / "home", multiprocessing.get_context("fork")
    start, failures = context.Event(), context.SimpleQueue()
    arguments = (submission, root, start, failures)
    workers = [context.Process(target=_admit_again_and_again, args=arguments) for _ in range(4)]
    for each in workers:
        each.start()
    copy = None
    if is_damaged:
        copy = admit_a_copy(submission, Home(root)).directory
    start.set()
    while any(each.is_alive() for each in workers):
        if copy is not None:
            assert (copy / "method.py").is_file()
            (copy / "method.py").write_text("damaged") if time.monotonic_ns() % 50 == 0 else None
        time.sleep(0.0005)
    for each in workers:
        each.join()
    found: list[str] = []
    while not failures.empty():
        found.append(failures.get())
    assert [each for each in found if not (is_damaged and each == "incomplete")] == []
    admit_a_copy(submission, Home(root))
    (left,) = [path for path in (root / "submissions").iterdir() if not path.name.startswith(".")]
    assert contents(left) == contents(submission)


def test_a_copy_that_is_there_keeps_its_folder_and_its_files(submission: Path, tmp_path: Path) -> None:
    first = admit_a_copy(submission, Home(tmp_path / "home")).directory
    before = {path: path.stat().st_ino for path in (first, *first.rglob("*"))}
    assert admit_a_copy(submission, Home(tmp_path / "home")).directory == first
    assert {path: path.stat().st_ino for path in (first, *first.rglob("*"))} == before


def as_text(path: Path) -> None:
    path.write_text("damaged")


def as_nothing(path: Path) -> None:
    path.unlink()


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize("damage", [as_text, as_nothing, as_folder, as_link])
def test_a_damaged_file_is_replaced_in_its_place(
    submission: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    copy = admit_a_copy(submission, Home(tmp_path / "home")).directory
    inode = copy.stat().st_ino
    damage(copy / "losses" / "part3.py")
    assert admit_a_copy(submission, Home(tmp_path / "home")).directory == copy
    assert contents(copy) == contents(submission)
    assert copy.stat().st_ino == inode


def test_what_somebody_added_to_a_copy_is_removed(submission: Path, tmp_path: Path) -> None:
    """A compiled file beside the code would be run in its place, and a further module be imported."""
    copy = admit_a_copy(submission, Home(tmp_path / "home")).directory
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "method.cpython-311.pyc").write_bytes(b"other code")
    (copy / "torch.py").write_text("raise SystemExit")
    admit_a_copy(submission, Home(tmp_path / "home"))
    assert contents(copy) == contents(submission)
    assert not (copy / "__pycache__").exists()


def test_a_copy_under_a_link_or_a_file_of_its_name_is_made_anew(submission: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    copy = admit_a_copy(submission, home).directory
    copy.rename(tmp_path / "elsewhere")
    copy.symlink_to(tmp_path / "elsewhere")
    assert not admit_a_copy(submission, home).directory.is_symlink()
    assert contents(copy) == contents(submission)
