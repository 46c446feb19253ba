"""Every fault of the machine that a user can mend is a sentence with advice that fits."""

from __future__ import annotations

import errno
import os

import pytest

from benchmark.cli.faults import fault_in_words


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "make room"), (errno.EDQUOT, "quota"), (errno.EROFS, "read-only"), (errno.ENOLCK, "local disk"),
        (errno.EIO, "system's log"), (errno.EACCES, "permissions"), (errno.EMFILE, "ulimit -n"),
        (errno.ENOMEM, "memory"), (errno.EAGAIN, "ulimit -u"), (errno.ENAMETOOLONG, "shorter"),
    ],
)  # fmt: skip
def test_a_fault_is_said_with_its_place_and_advice(number: int, advice: str) -> None:
    said = fault_in_words(OSError(number, os.strerror(number), "/data/file"), "/home")
    assert said is not None
    what, what_to_do = said.splitlines()
    assert what == f"{os.strerror(number)}: /data/file"
    assert advice in what_to_do


def test_nobody_is_told_to_make_room_on_a_file_system_that_is_read_only() -> None:
    """The advice for a read-only file system was to make room."""
    said = fault_in_words(OSError(errno.EROFS, os.strerror(errno.EROFS)), "/home")
    assert said is not None
    assert "make room" not in said
    assert "/home" in said


def test_an_error_of_ours_is_no_fault_of_the_machine() -> None:
    assert fault_in_words(OSError(errno.EBADF, os.strerror(errno.EBADF)), "/home") is None
