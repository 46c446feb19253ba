from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmark.spec.documents.yaml_text import MAX_BYTES, read_yaml

WORDS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=12)
PLAIN = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | st.none() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


def problems_of(text: str | bytes) -> list[str]:
    return [str(problem) for problem in read_yaml(text if isinstance(text, bytes) else text.encode()).problems]


@given(PLAIN)
def test_what_json_says_yaml_says_too(value: Any) -> None:
    text = read_yaml(json.dumps(value).encode())
    assert not text.problems
    assert text.value == value


def test_numbers_are_exact_and_words_are_text() -> None:
    text = read_yaml(b"{a: 0.950, b: 1e-3, c: 7, d: true, e: ~, f: none, g: '1.0', h: 2020-01-01, i: 1.0.0}")
    assert text.problems == []
    assert text.value == {
        "a": Decimal("0.950"), "b": Decimal("0.001"), "c": 7, "d": True, "e": None, "f": "none", "g": "1.0",
        "h": "2020-01-01", "i": "1.0.0",
    }  # fmt: skip


def test_every_value_has_its_line() -> None:
    text = read_yaml(b"# comment\na: 1\nb:\n  - c: 2\n    d.e: 3\n  - [4,\n     5]\n")
    assert text.lines == {
        "": 2, "a": 2, "b": 3, "b[0]": 4, "b[0].c": 4, "b[0]['d.e']": 5, "b[1]": 6, "b[1][0]": 6, "b[1][1]": 7,
    }  # fmt: skip


def test_an_empty_text_says_nothing() -> None:
    text = read_yaml(b"# only a comment\n")
    assert (text.value, text.problems) == (None, [])


@pytest.mark.parametrize(
    "word", ["yes", "No", "ON", "off", ".nan", "-.inf", "nan", "Infinity", "1_000", "0x1F", "017", "1:30"]
)
def test_words_that_yaml_versions_read_differently_are_refused_unless_quoted(word: str) -> None:
    (problem,) = read_yaml(f"a: {word}".encode()).problems
    assert problem.where == "a"
    assert "quotes around text" in problem.expected
    assert problem.got == word
    assert read_yaml(f"a: '{word}'".encode()).value == {"a": word}


@pytest.mark.parametrize(
    "tagged", ["!!python/object/apply:os.system [ls]", "!!int 5", "!mine x", "!!str 5", "! x", "!!set {a}"]
)
def test_tags_are_refused_and_nothing_is_constructed(tagged: str) -> None:
    (problem,) = read_yaml(f"a: {tagged}".encode()).problems
    assert problem.where == "a"
    assert problem.expected == "a value without a YAML tag"


def test_a_bomb_of_aliases_is_refused_and_not_unfolded() -> None:
    """Unfolded it has 9 ** 12 values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    problems = read_yaml("\n".join(lines).encode()).problems
    assert problems
    assert all("aliases are not read" in problem.expected or "mistakes" in problem.expected for problem in problems)


def test_a_key_twice_is_refused_at_any_depth_and_the_first_value_is_read_on() -> None:
    text = read_yaml(b"a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert [(problem.where, problem.got) for problem in text.problems] == [
        ("b.c", "a second one on line 4"),
        ("a", "a second one on line 5"),
    ]
    assert text.value == {"a": 1, "b": {"c": 1}}


def test_many_problems_are_found_in_one_reading() -> None:
    assert problems_of("a: .nan\nb: !!int 1\nc: yes\nd: &x 1\ne: *x\n") == [
        "a: expected a finite number, or quotes around text, got .nan",
        "b: expected a value without a YAML tag, got the tag 'tag:yaml.org,2002:int'",
        "c: expected true or false, or quotes around text, got yes",
        "d: expected the value written out (anchors and aliases are not read), got an anchor or alias",
        "e: expected the value written out (anchors and aliases are not read), got an anchor or alias",
    ]


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        (b"a: 1\nb: [1, 2\n", 3, "valid YAML"),
        (b"a: 1\n\tb: 2\n", 2, "valid YAML"),
        (b"a: 1\nb: \xff\xfe\n", 2, "UTF-8 text"),
        (b"a: 1\n---\nb: 2\n", 2, "one document"),
        (b"a: 1\n? [b]\n: 2\n", 2, "a key that is plain text"),
        (b"a: 1\n!!str b: 2\n", 2, "a key that is plain text"),
        (b"[" * 20, 1, "at most 16 levels of nesting"),
        (b"{a: " * 200_000, 1, "at most 16 levels of nesting"),
        (b"[" + b"1," * 20_000 + b"]", 1, "at most 10000 values"),
    ],
)
def test_what_cannot_be_read_says_the_line(text: bytes, line: int, expected: str) -> None:
    found = read_yaml(text)
    (problem,) = found.problems
    assert (problem.expected, found.lines[""], found.unread) == (expected, line, {""})


def test_a_text_over_the_limit_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "parse", lambda *_, **__: pytest.fail("it is parsed"))
    (problem,) = read_yaml(b"[" * (MAX_BYTES + 1)).problems
    assert problem.expected == f"at most {MAX_BYTES} bytes"


@pytest.mark.parametrize("character", ["\\e", "\\0", "\\x07", "\\u202e", "\\u2066", "\\x85", "\\u2028"])
def test_control_characters_and_direction_marks_are_refused_and_never_repeated_raw(character: str) -> None:
    text = read_yaml(f'a: "x{character}y"\n"k{character}": 1\n'.encode())
    assert [problem.expected for problem in text.problems] == [
        "text without control characters", "a key without control characters",
    ]  # fmt: skip
    assert all(str(problem).isprintable() for problem in text.problems)


def test_line_breaks_and_tabs_in_text_and_any_language_are_fine() -> None:
    text = read_yaml('a: "one\\n\\ttwo"\nb: Żółć 漢字 می‌خواهم 👩‍🔬\n'.encode())
    assert text.problems == []


def test_both_parsers_of_the_yaml_package_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the C parser is missing, the pure one serves."""
    source = b"a: [1, 0.5, x]\nb: {c: .nan, c: 2}\n"
    fast = read_yaml(source)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    slow = read_yaml(source)
    assert (slow.value, slow.lines, slow.problems) == (fast.value, fast.lines, fast.problems)


@given(st.binary(max_size=200) | st.text("{}[]:,-&*!|>%@`'\"# \nab1\t", max_size=60).map(str.encode))
def test_no_bytes_make_the_reader_fail(data: bytes) -> None:
    text = read_yaml(data)
    assert text.problems or text.lines or text.value is None
    assert all(str(problem).isprintable() and len(str(problem)) < 500 for problem in text.problems)
