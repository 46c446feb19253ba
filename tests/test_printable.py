"""Text of strangers: no terminal obeys it, whatever they print."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmark.printable import error_line, masked, on_one_line, spelled_out, spelled_out_bytes


def test_what_is_printed_moves_no_cursor_and_sets_no_title() -> None:
    assert spelled_out_bytes(b"\x1b[2J\x1b]0;owned\x07 caf\xc3\xa9\r\n\ttab \xff") == (
        "\\x1b[2J\\x1b]0;owned\\x07 café\\r\n\ttab \\xff"
    )


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_that_steers_a_terminal_is_left_of_any_text(text: str) -> None:
    assert masked(text).isprintable()
    assert on_one_line(text).isprintable()
    assert error_line(ValueError(text)).isprintable()
    assert all(line.isprintable() for line in spelled_out(text).replace("\t", "").split("\n"))


@given(st.text(st.characters(categories=("L", "N", "P", "S"))))
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert masked(text) == spelled_out(text) == text


def test_a_message_is_cut_before_it_is_spelled_out() -> None:
    assert on_one_line("ab " * 200, 5) == "ab ab"
    assert error_line(ValueError("x" * 500), 200) == "ValueError: " + "x" * 200
    assert error_line(ValueError()) == "ValueError"
