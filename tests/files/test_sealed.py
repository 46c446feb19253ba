"""A sealed file is read as it was written, or not at all."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.files.sealed import read_sealed, write_sealed


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.json", b"[1, 0.9685]")
    assert read_sealed(tmp_path / "a.json") == b"[1, 0.9685]"
    assert read_sealed(tmp_path / "b.json") is None


@given(bit=st.integers(min_value=0), content=st.binary(max_size=40))
def test_no_flipped_bit_is_ever_read(tmp_path_factory: pytest.TempPathFactory, bit: int, content: bytes) -> None:
    path = tmp_path_factory.mktemp("sealed") / "x.npz"
    write_sealed(path, content)
    stored = bytearray(path.read_bytes())
    stored[bit % (8 * len(stored)) // 8] ^= 1 << bit % 8
    path.write_bytes(stored)
    assert read_sealed(path) is None


def test_an_edited_digit_is_named_and_not_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The number .8685 in place of .9685 in a cached outcome was scored, and a wrong record signed."""
    path = tmp_path / "outcome.json"
    write_sealed(path, b'{"accuracy": 0.9685}')
    path.write_bytes(path.read_bytes().replace(b"0.9685", b"0.8685"))
    with caplog.at_level(logging.WARNING):
        assert read_sealed(path) is None
    assert str(path) in caplog.text


def test_the_content_of_another_file_is_not_read(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.npz", b"of a")
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes())
    assert read_sealed(tmp_path / "b.npz") is None


@pytest.mark.parametrize("left", [b"", b"x", b"forget-me-not sealed 1\n"])
def test_a_file_cut_off_anywhere_is_not_read(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "a").write_bytes(left)
    assert read_sealed(tmp_path / "a") is None
