"""Every fault of the machine that a user can mend is a sentence with advice that fits."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.cli.faults import OUT_OF_MEMORY, fault_in_words, in_plain_words


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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), OUT_OF_MEMORY),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes."), OUT_OF_MEMORY),
        (RuntimeError("can't start new thread"), "can't start new thread\nthe machine starts no more processes"),
        (ImportError("x.so: failed to map segment from shared object: Operation not permitted"), None),
        (ImportError("No module named x"), None),
        (RuntimeError("x"), None),
    ],
)
def test_too_little_memory_is_a_sentence_whatever_library_says_so(error: Exception, said: str | None) -> None:
    found = in_plain_words(error)
    assert found is None if said is None else found is not None and found.startswith(said)


def test_too_little_memory_to_load_a_library_ends_in_advice_and_no_traceback(tmp_path: Path) -> None:
    """Under `ulimit -v` the loader of shared objects fails, which was an `ImportError` with its traceback."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))

    environment = os.environ | {"FMN_HOME": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmark", "doctor"]
    ended = subprocess.run(command, env=environment, preexec_fn=limit, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (2, f"{OUT_OF_MEMORY}\n")


@pytest.mark.parametrize("number", [errno.EISDIR, errno.EEXIST])
def test_a_folder_and_a_file_in_each_others_place_are_no_fault_of_ours(number: int) -> None:
    said = fault_in_words(OSError(number, os.strerror(number), "/data/out"), "/home")
    assert said is not None
    assert "name a" in said
