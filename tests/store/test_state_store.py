"""The store against what crashes, broken disks and hostile outboxes do to it."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.files.atomic import replaced_file, write_atomically
from benchmark.files.bounded import RefusedFile
from benchmark.recording.isolation import ISOLATION_LEVELS
from benchmark.store import damaged as damaged_module
from benchmark.store import state_store as store_module
from benchmark.store.claim import try_claim
from benchmark.store.damaged import MAX_STATES, keep_damaged
from benchmark.store.layout import Home, remove_unfinished
from benchmark.store.origin import JobOrigin
from benchmark.store.sizes import StateSizes
from benchmark.store.state_store import Store
from benchmark.training.training_job import SegmentReport
from tests.executors.warm import exit_code_of

KEY = "ab" * 32
FILES = ("encoder.safetensors", "mask.safetensors", "method.pt")


def fill(
    folder: Path, key: str = KEY, *, content: bytes = b"x", resumable: bool = True, sizes: StateSizes | None = None
) -> Path:
    """Write what a trainer leaves for one state; the store never looks inside the first three files."""
    folder.mkdir(parents=True)
    for name in FILES if resumable else FILES[:2]:
        (folder / name).write_bytes(name.encode() + content)
    for name, num_bytes in sizes.exact.items() if sizes else ():
        os.truncate(folder / name, num_bytes)
    report = SegmentReport(key=key, step=20, start=4, train_s=1.5, peak_memory_bytes=7, losses=((0, 2.5, 6),))
    (folder / "report.json").write_text(report.model_dump_json())
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "segments")


@pytest.fixture
def published(store: Store, tmp_path: Path) -> Store:
    store.publish(KEY, fill(tmp_path / "outbox" / KEY))
    return store


def reopened(store: Store) -> Store:
    """The same store as another process would find it, nothing verified yet."""
    return Store(store.folder)


def test_a_published_state_is_there_complete_and_unchanged(published: Store, tmp_path: Path) -> None:
    for store in (published, reopened(published)):
        assert store.has(KEY)
        assert store.has(KEY, resumable=True)
        assert store.report(KEY).losses == ((0, 2.5, 6),)
    for name in FILES:
        assert (published.path(KEY) / name).read_bytes() == (tmp_path / "outbox" / KEY / name).read_bytes()


def test_what_was_never_published_is_not_there(store: Store) -> None:
    assert not store.has(KEY)


def test_publishing_the_same_name_twice_keeps_the_first(published: Store, tmp_path: Path) -> None:
    published.publish(KEY, fill(tmp_path / "again", content=b"other"))
    assert (published.path(KEY) / "encoder.safetensors").read_bytes().endswith(b"x")


def test_a_state_that_cannot_be_continued_gives_way_to_one_that_can(store: Store, tmp_path: Path) -> None:
    store.publish(KEY, fill(tmp_path / "leaf", resumable=False))
    assert not store.has(KEY, resumable=True)
    store.publish(KEY, fill(tmp_path / "whole"))
    assert reopened(store).has(KEY, resumable=True)


def test_a_refused_replacement_leaves_the_first(store: Store, tmp_path: Path) -> None:
    store.publish(KEY, fill(tmp_path / "leaf", resumable=False))
    replacement = fill(tmp_path / "whole")
    (replacement / "mask.safetensors").unlink()
    with pytest.raises(RefusedFile):
        store.publish(KEY, replacement)
    assert reopened(store).has(KEY)


def test_a_state_is_replaced_by_a_more_isolated_one_and_never_by_a_less_isolated_one(
    store: Store, tmp_path: Path
) -> None:
    docker, podman = (JobOrigin(isolation=level, executor=level) for level in ("docker", "podman"))
    for number, (made_by, expected) in enumerate([(podman, "podman"), (docker, "docker"), (podman, "docker")]):
        store.publish(KEY, fill(tmp_path / str(number), content=str(number).encode()), made_by)
        assert store.isolation(KEY) == reopened(store).isolation(KEY) == expected
    assert (store.path(KEY) / "encoder.safetensors").read_bytes().endswith(b"1")
    store.publish(KEY, fill(tmp_path / "unknown"))
    assert [store.has(KEY, at_least=level) for level in ISOLATION_LEVELS] == [True] * 4
    store.drop_method_state(KEY)
    assert reopened(store).isolation(KEY) == "docker"


def test_an_origin_of_other_files_proves_nothing(store: Store, tmp_path: Path) -> None:
    """Files and manifest of a state were exchanged for those of one that was made without isolation."""
    store.publish(KEY, fill(tmp_path / "contained"), JobOrigin(isolation="docker", executor="docker"))
    other = Store(tmp_path / "other" / "segments")
    other.publish(KEY, fill(tmp_path / "cheated", content=b"cheated"))
    for name in (*FILES, "manifest.json"):
        shutil.copyfile(other.path(KEY) / name, store.path(KEY) / name)
    again = reopened(store)
    assert again.has(KEY)
    assert again.isolation(KEY) == "none"


def test_dropping_the_method_state_keeps_what_is_scored(published: Store) -> None:
    published.drop_method_state(KEY)
    again = reopened(published)
    assert again.has(KEY)
    assert not again.has(KEY, resumable=True)
    assert not (again.path(KEY) / "method.pt").exists()
    published.drop_method_state(KEY)  # a second time changes nothing


def test_a_crash_while_dropping_leaves_a_state_that_is_intact(
    published: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file used to go before the manifest was rewritten: a crash in between cost a trained state."""

    def crash(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", crash)
    with pytest.raises(KeyboardInterrupt):
        published.drop_method_state(KEY)
    monkeypatch.undo()
    assert reopened(published).has(KEY)
    assert not reopened(published).has(KEY, resumable=True)


@pytest.mark.parametrize("name", [*FILES, "report.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["truncated", "emptied", "one bit", "removed"])
def test_a_damaged_file_is_noticed_and_the_state_is_set_aside_and_reported(
    published: Store, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged state was deleted without a word, and with it all that could tell what had happened."""
    path = published.path(KEY) / name
    content = path.read_bytes()
    match damage:
        case "truncated":
            path.write_bytes(content[:-1])
        case "emptied":
            path.write_bytes(b"")
        case "one bit":
            middle = len(content) // 2
            path.write_bytes(content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :])
        case _:
            path.unlink()
    spoilt = {each.name: each.read_bytes() for each in published.path(KEY).iterdir()}
    again = reopened(published)
    assert not again.has(KEY)
    assert not again.path(KEY).exists()
    (kept,) = (published.folder.parent / "damaged").iterdir()
    assert {each.name: each.read_bytes() for each in kept.iterdir()} == spoilt
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert KEY[:12] in warning.getMessage()
    assert name in warning.getMessage()
    assert str(kept) in warning.getMessage()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ESTALE, errno.EACCES])
@pytest.mark.parametrize("name", ["manifest.json", "encoder.safetensors"])
def test_a_state_that_cannot_be_read_now_is_not_taken_for_a_damaged_one(
    published: Store, name: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many open files, or a network disk that did not answer, once deleted hours of training."""
    opened = io.open

    def fail(path: Any, *arguments: Any, **named: Any) -> Any:
        if Path(path).name == name:
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, *arguments, **named)

    again = reopened(published)
    with monkeypatch.context() as patch:
        patch.setattr(io, "open", fail)
        with pytest.raises(OSError, match=os.strerror(number)):
            again.has(KEY)
    assert again.has(KEY)
    assert not (published.folder.parent / "damaged").exists()


@pytest.mark.parametrize("make", ["a folder for a file", "a file for the state"])
def test_another_kind_of_file_is_damage(published: Store, make: str) -> None:
    state = published.path(KEY)
    if make == "a folder for a file":
        (state / "mask.safetensors").unlink()
        (state / "mask.safetensors").mkdir()
    else:
        shutil.rmtree(state)
        state.write_text("")
    assert not reopened(published).has(KEY)
    assert not state.exists()


def test_a_damaged_state_is_replaced_by_the_next_one_that_is_published(published: Store, tmp_path: Path) -> None:
    (published.path(KEY) / "encoder.safetensors").write_bytes(b"")
    again = reopened(published)
    again.publish(KEY, fill(tmp_path / "again"))
    assert again.has(KEY)
    assert reopened(published).has(KEY)


def test_only_the_latest_damaged_states_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "damaged"
    for number in range(MAX_STATES + 3):
        keep_damaged(fill(tmp_path / f"state-{number}"), folder)
    kept = sorted(path.name.split("-", 1)[1] for path in folder.iterdir())
    assert len(kept) == MAX_STATES
    assert "state-10" in kept
    assert "state-2" not in kept
    monkeypatch.setattr(damaged_module, "MAX_BYTES", 1)
    latest = keep_damaged(fill(tmp_path / "large"), folder)
    assert list(folder.iterdir()) == [latest]


@pytest.mark.parametrize("manifest", ["{}", "[]", "3", '{"encoder.safetensors": "0"}', '{"../../x": "0"}'])
def test_a_manifest_that_does_not_name_every_file_proves_nothing(published: Store, manifest: str) -> None:
    (published.path(KEY) / "manifest.json").write_text(manifest)
    assert not reopened(published).has(KEY)


def as_symlink(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_socket(path: Path) -> None:
    path.unlink()
    os.chdir(path.parent)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


def as_sparse_giant(path: Path) -> None:
    os.truncate(path, store_module.SIZE_LIMITS[path.name] + 1)


@pytest.mark.parametrize("name", ["encoder.safetensors", "mask.safetensors", "method.pt", "report.json"])
@pytest.mark.parametrize("change", [as_symlink, as_folder, as_pipe, as_socket, as_sparse_giant])
def test_anything_but_a_small_regular_file_is_refused_and_nothing_remains(
    store: Store, tmp_path: Path, name: str, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SIZE_LIMITS", dict.fromkeys(store_module.SIZE_LIMITS, 1 << 16))
    monkeypatch.chdir(tmp_path)
    source = fill(tmp_path / "outbox" / KEY)
    change(source / name)
    with pytest.raises(RefusedFile, match=name):
        store.publish(KEY, source)
    assert not store.has(KEY)
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["encoder.safetensors", "mask.safetensors", "report.json"])
def test_a_missing_file_is_refused_by_name(store: Store, tmp_path: Path, name: str) -> None:
    source = fill(tmp_path / "outbox" / KEY)
    (source / name).unlink()
    with pytest.raises(RefusedFile, match=name):
        store.publish(KEY, source)
    assert not store.has(KEY)


REPORT: dict[str, Any] = {
    "key": KEY, "step": 20, "start": 0, "train_s": 1.0, "peak_memory_bytes": 1, "losses": [[0, 1.0, 2]],
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "cd" * 32},
        {"train_s": "Infinity"},
        {"train_s": -1},
        {"losses": [[0, 1.0, 0]]},
        {"step": 10**30},
        {"more": 1},
        {"losses": [[0, 1.0]]},
    ],
)
def test_a_report_that_lies_about_its_name_or_makes_no_sense_is_refused(
    store: Store, tmp_path: Path, changes: dict[str, Any]
) -> None:
    source = fill(tmp_path / "outbox" / KEY)
    (source / "report.json").write_text(SegmentReport(**REPORT).model_dump_json())
    store.publish("ef" * 32, fill(tmp_path / "outbox" / "fine", key="ef" * 32))
    document = json.dumps({**REPORT, **changes})
    (source / "report.json").write_text(document)
    with pytest.raises(RefusedFile, match=r"report\.json"):
        store.publish(KEY, source)
    assert not store.has(KEY)


def test_a_report_of_a_diverged_training_is_taken(store: Store, tmp_path: Path) -> None:
    """NaN was written as null, so that a diverged training looked like a forged report."""
    source = fill(tmp_path / "outbox" / KEY)
    report = SegmentReport.model_validate({**REPORT, "losses": ((0, float("nan"), 2), (1, float("inf"), 2))})
    (source / "report.json").write_text(report.model_dump_json())
    store.publish(KEY, source)
    assert str(store.report(KEY).losses) == "((0, nan, 2), (1, inf, 2))"


def test_a_crash_before_the_rename_publishes_nothing_and_is_swept_up(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "outbox" / KEY)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda self, target: os._exit(9))  # pyright: ignore[reportUnknownArgumentType]
        assert exit_code_of(lambda: store.publish(KEY, source)) == 9
    assert len(list(store.folder.glob(".*.unfinished"))) == 1
    assert not reopened(store).has(KEY)
    remove_unfinished(Home(tmp_path))
    assert list(store.folder.glob(".*")) == []
    reopened(store).publish(KEY, source)
    assert store.has(KEY)


def test_a_full_disk_while_publishing_leaves_nothing_half(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "outbox" / KEY)
    synced: list[int] = []

    def fail_at_the_second_file(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail_at_the_second_file)
    with pytest.raises(OSError, match="No space left"):
        store.publish(KEY, source)
    monkeypatch.undo()
    assert list(store.folder.iterdir()) == []
    store.publish(KEY, source)
    assert store.has(KEY)


def test_a_full_disk_while_writing_a_file_keeps_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "place", ["records/digits-1.0", "tuning", ".", "data/decoded", "submissions/abc"]
)
def test_what_a_killed_command_was_writing_is_swept_up_at_once_and_what_another_writes_is_left(
    place: str, tmp_path: Path
) -> None:
    """Names said nothing of who writes: outside of the lock a half-written file stayed for an hour, or for ever."""
    folder = tmp_path / place

    def die_while_writing() -> None:
        with replaced_file(folder / "file") as half:
            half.write_bytes(b"half")
            os._exit(9)

    assert exit_code_of(die_while_writing) == 9
    with replaced_file(folder / "file") as mine:
        mine.write_bytes(b"whole")
        assert len(list(folder.iterdir())) == 2
        remove_unfinished(Home(tmp_path))
        assert list(folder.iterdir()) == [mine]
    assert (folder / "file").read_bytes() == b"whole"


def test_states_are_looked_into_only_where_a_killed_process_has_left_a_claim(tmp_path: Path) -> None:
    """Every start looked into a dozen folders per evaluation ever made: .2 s of .6 with 500 evaluations in a home."""
    home, state = Home(tmp_path), tmp_path / "segments" / KEY[:2] / KEY

    def die_while_writing(claims: bool) -> None:
        if claims:
            try_claim(home.claims / "tree-0123456789ab", "dying")
        with replaced_file(state / "manifest.json") as half:
            half.write_bytes(b"{")
            os._exit(9)

    assert exit_code_of(lambda: die_while_writing(claims=False)) == 9
    remove_unfinished(home)
    assert len(list(state.iterdir())) == 1
    assert exit_code_of(lambda: die_while_writing(claims=True)) == 9
    assert len(list(state.iterdir())) == 2
    remove_unfinished(home)
    assert list(state.iterdir()) == []


def test_sweeping_leaves_what_others_may_be_writing_now(tmp_path: Path) -> None:
    home = Home(tmp_path)
    fresh, old = home.submissions / ".a.unfinished", home.submissions / ".b.unfinished"
    for folder in (fresh, old, tmp_path / ".scoring-x"):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    remove_unfinished(home)
    assert [path.name for path in home.submissions.iterdir()] == [fresh.name]
    assert not (tmp_path / ".scoring-x").exists()
