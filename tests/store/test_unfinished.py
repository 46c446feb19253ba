"""The status of an evaluation: read back as written, never believed about life, and harmless whatever its bytes are."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmark.recording.status import (
    EvaluationStatus,
    of_submission,
    status_name,
    status_path,
    write_status,
)
from benchmark.store.claims import read_unfinished
from tests.store.test_claims import from_elsewhere

FACTS: dict[str, Any] = {
    "submission": "simclr", "spec_identity": "digits-1.0", "stage": "training", "runs": 30, "total_runs": 126,
    "updates": 1200, "total_updates": 9000, "left_s": 300.0, "scoring_s": 60.0, "heard": 1.8e9,
}  # fmt: skip


def keep(home: Path, **changes: Any) -> str:
    """Write a status; gives its name."""
    status = EvaluationStatus(**{**FACTS, **changes})
    name = status_name(status.submission, status.spec_identity)
    write_status(status_path(home, name), status)
    return name


@contextmanager
def at_work(home: Path, name: str) -> Generator[None]:
    """Hold the claim of an evaluation, as its dispatcher does."""
    path = claim_of(home, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    (home / ".lock").touch()
    with path.open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        yield


def claim_of(home: Path, name: str) -> Path:
    """Where the claim of an evaluation is, by the name of its status."""
    return home / "claims" / f"evaluation-{name}"


def test_only_what_holds_its_claim_is_running_whatever_the_file_says(tmp_path: Path) -> None:
    running, _ = keep(tmp_path, submission="simclr", heard=1.0), keep(tmp_path, submission="supcon", heard=9e9)
    with at_work(tmp_path, running):
        found = read_unfinished(tmp_path)
        assert [(each.status.submission, each.is_running) for each in found] == [("simclr", True), ("supcon", False)]
    assert [each.is_running for each in read_unfinished(tmp_path)] == [False, False]


def test_several_evaluations_are_running_at_the_same_time(tmp_path: Path) -> None:
    """The one lock of a home named one evaluation alone."""
    with at_work(tmp_path, keep(tmp_path, submission="simclr")), at_work(tmp_path, keep(tmp_path, submission="supcon")):
        assert [each.is_running for each in read_unfinished(tmp_path)] == [True, True]


def test_what_another_machine_evaluates_is_running_while_it_renews_its_lease(tmp_path: Path) -> None:
    """Where its lock is not seen it was called interrupted, though no dispatcher would have taken it over."""
    path = claim_of(tmp_path, keep(tmp_path))
    from_elsewhere(path)
    assert [each.is_running for each in read_unfinished(tmp_path)] == [True]
    os.utime(path, (1, 1))
    assert [each.is_running for each in read_unfinished(tmp_path)] == [False]


def test_a_killed_process_no_longer_holds_its_claim(tmp_path: Path) -> None:
    name = keep(tmp_path)
    path = claim_of(tmp_path, name)
    path.parent.mkdir()
    hold = f"import fcntl, time; f = open({str(path)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX)\n"
    hold += "print('held', flush=True); time.sleep(600)"
    holder = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        assert [each.is_running for each in read_unfinished(tmp_path)] == [True]
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert [each.is_running for each in read_unfinished(tmp_path)] == [False]


def test_looking_leaves_the_lock_free_and_makes_nothing(tmp_path: Path) -> None:
    assert read_unfinished(tmp_path / "nowhere") == []
    assert not (tmp_path / "nowhere").exists()
    path = claim_of(tmp_path, keep(tmp_path))
    assert [each.is_running for each in read_unfinished(tmp_path)] == [False]
    assert not path.parent.exists()
    path.parent.mkdir()
    path.write_text("")
    read_unfinished(tmp_path)
    with path.open() as claim:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 5000, b" " * 9000, b'{"status_version": 2}',
        b'{"runs": NaN}',
    ],
)  # fmt: skip
def test_files_that_are_no_status_are_ignored(tmp_path: Path, content: bytes) -> None:
    keep(tmp_path)
    status_path(tmp_path, "0" * 16).write_bytes(content)
    assert len(read_unfinished(tmp_path)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "winning"}, {"runs": -1}, {"updates": 2**60}, {"left_s": float("inf")}, {"left_s": float("nan")},
        {"submission": "x" * 201}, {"rank": 1}, {"heard": -1.0}, {"heard": float("inf")},
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_no_status(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        EvaluationStatus.model_validate({**FACTS, **change})


def test_other_names_folders_and_pipes_are_not_opened(tmp_path: Path) -> None:
    keep(tmp_path)
    folder = tmp_path / "status"
    (folder / "notes.json").write_text("{}")
    (folder / ("0" * 16)).write_text("{}")
    (folder / f"{'1' * 16}.json").mkdir()
    os.mkfifo(folder / f"{'2' * 16}.json")
    assert len(read_unfinished(tmp_path)) == 1


def test_writing_replaces_and_leaves_nothing_aside(tmp_path: Path) -> None:
    keep(tmp_path, runs=1)
    keep(tmp_path, runs=2)
    assert [each.status.runs for each in read_unfinished(tmp_path)] == [2]
    assert len(list((tmp_path / "status").iterdir())) == 1


def test_what_belongs_to_a_submission_is_found_under_every_specification(tmp_path: Path) -> None:
    keep(tmp_path, heard=1.0)
    keep(tmp_path, spec_identity="cifar10-1.0", heard=2.0)
    keep(tmp_path, submission="other")
    mine = of_submission(read_unfinished(tmp_path), "simclr")
    assert [each.status.spec_identity for each in mine] == ["cifar10-1.0", "digits-1.0"]


def test_where_the_lock_cannot_be_asked_nothing_is_called_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems know no locks, and a lock may be somebody else's to open."""
    path = claim_of(tmp_path, keep(tmp_path))
    path.parent.mkdir()
    path.touch()

    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("benchmark.store.claim.fcntl.flock", no_locks)
    assert [each.is_running for each in read_unfinished(tmp_path)] == [None]
