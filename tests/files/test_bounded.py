"""Reading what strangers may have placed: nothing blocks, all has a limit, faults keep their name."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from benchmark.files.bounded import NotRegular, RefusedFile, read_beginning, read_handed_over, read_regular


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"12345")
    return tmp_path / "file"


def test_a_file_is_read_up_to_its_limit(file: Path) -> None:
    assert read_regular(file, 5) == read_handed_over(file, 5) == read_beginning(file, 9) == b"12345"
    assert read_beginning(file, 2) == b"12"
    with pytest.raises(RefusedFile, match=r"^expected at most 4 bytes, got more$"):
        read_regular(file, 4)
    with pytest.raises(RefusedFile, match=r"^file: expected at most 4 bytes, got more$"):
        read_handed_over(file, 4)


def test_a_link_is_followed_only_where_it_is_a_users_own(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to("file")
    assert read_regular(link, 5) == b"12345"
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(link, 5, follow_links=False)
    with pytest.raises(RefusedFile, match=r"^link: expected a regular file, got .*symbolic links"):
        read_handed_over(link, 5)


def test_folders_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(NotRegular, match="a folder, pipe or device"):
            read_regular(path, 5)
        with pytest.raises(RefusedFile, match=f"^{path.name}: expected a regular file, got another kind of file$"):
            read_handed_over(path, 5)


def test_a_socket_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "s"))
        with pytest.raises(RefusedFile, match=r"^s: expected a regular file"):
            read_handed_over(tmp_path / "s", 5)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ESTALE])
def test_a_fault_of_this_machine_is_not_blamed_on_who_wrote_the_file(
    number: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dispatcher with too many open files once booked an honest trainer's state as invalid output."""

    def fail(*args: object, **named: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        read_handed_over(file, 5)


def num_descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_no_descriptor_stays_open(file: Path, tmp_path: Path) -> None:
    before = num_descriptors()
    for _ in range(10):
        read_regular(file, 5)
        with pytest.raises(RefusedFile):
            read_regular(file, 1)
        with pytest.raises(RefusedFile):
            read_regular(tmp_path, 5)
    assert num_descriptors() == before
