"""Admission into the copy that trainers read: any number of evaluations at once, and never a moment without it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
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
    """Everything in a folder, but files that somebody is writing at this moment."""
    paths = [path for path in folder.rglob("*") if path.suffix != ".unfinished" and path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _admit_often(submission: Path, homes: Sequence[Path], together: Any, failures: Any) -> None:
    """Admit into every home, each at the same moment as other processes do."""
    for root in homes:
        together.wait()
        try:
            copy = admit_a_copy(submission, Home(root)).directory
            if contents(copy) != contents(submission):
                failures.put("incomplete")
        except Exception as error:
            failures.put(repr(error))


def failures_of(submission: Path, homes: Sequence[Path]) -> list[str]:
    """Admit in four processes at once into every home, and list what went wrong."""
    context = multiprocessing.get_context("forkserver")
    together, failures = context.Barrier(4), context.SimpleQueue()
    arguments = (submission, homes, together, failures)
    workers = [context.Process(target=_admit_often, args=arguments) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    found: list[str] = []
    while not failures.empty():
        found.append(failures.get())
    return found


def test_evaluations_that_admit_at_once_all_have_a_complete_copy(submission: Path, tmp_path: Path) -> None:
    """I9: of two, one ended once with "Directory not empty", and once the copy was gone while it was replaced."""
    homes = [tmp_path / f"home{number}" for number in range(40)]
    assert failures_of(submission, homes) == []
    for root in homes:
        (left,) = (root / "submissions").iterdir()
        assert contents(left) == contents(submission)


def test_evaluations_that_repair_a_damaged_copy_at_once_all_have_a_complete_one(
    submission: Path, tmp_path: Path
) -> None:
    homes = [tmp_path / f"home{number}" for number in range(40)]
    for root in homes:
        copy = admit_a_copy(submission, Home(root)).directory
        (copy / "method.py").write_text("damaged")
        (copy / "losses" / "part1.py").unlink()
    assert failures_of(submission, homes) == []


def test_a_copy_that_is_there_keeps_its_folder_and_its_files(submission: Path, tmp_path: Path) -> None:
    first = admit_a_copy(submission, Home(tmp_path / "home")).directory
    before = {path: path.stat().st_ino for path in (first, *first.rglob("*"))}
    assert admit_a_copy(submission, Home(tmp_path / "home")).directory == first
    assert {path: path.stat().st_ino for path in (first, *first.rglob("*"))} == before


def test_a_copy_that_another_evaluation_has_just_put_there_is_not_removed(
    submission: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was removed where the other one renamed its copy between "is there a folder?" and "remove what is there"."""
    home = Home(tmp_path / "home")
    copy = admit_a_copy(submission, home).directory
    inode, is_dir, looks = copy.stat().st_ino, Path.is_dir, [False]

    def late(path: Path) -> bool:
        return looks.pop() if path == copy and looks else is_dir(path)

    monkeypatch.setattr(Path, "is_dir", late)
    admit_a_copy(submission, home)
    assert copy.stat().st_ino == inode


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
