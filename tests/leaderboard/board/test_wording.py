"""Foreign text becomes harmless in every place it can reach: markdown, links, spreadsheets, BibTeX, shells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.board.wording import inert, one_line, web_address


@given(st.text())
def test_every_mark_that_markdown_could_use_is_escaped(text: str) -> None:
    plain = inert(text).replace("\u2060", "")
    position, recovered = 0, ""
    while position < len(plain):
        if plain[position] == "\\":
            position += 1
        else:
            assert plain[position] not in "[]()<>*_`$:!#|~&{}"
        recovered += plain[position]
        position += 1
    assert recovered == text.replace("\u2060", "")


@pytest.mark.parametrize("text", ["javascript:alert(1)", "data:text/html,x", "arXiv 2002.05709", "//host/x", "http://",
                                  "https://host/<script>", "https://[broken", "", "file:///etc/passwd"])  # fmt: skip
def test_only_web_addresses_become_links(text: str) -> None:
    assert web_address(text) is None


def test_a_web_address_stays_as_it_is() -> None:
    assert web_address(" https://arxiv.org/abs/2002.05709 ") == "https://arxiv.org/abs/2002.05709"


def test_one_line_removes_what_could_reorder_or_break_a_line() -> None:
    assert one_line("a\n\tb\u202ec\x00d") == "a b c d"
    assert len(one_line("x" * 1000)) == 200
