from __future__ import annotations

import ast
import base64
import random
from pathlib import Path

import pytest

from benchmark.admission.source import literal_warnings, method_problems, parse_source, text_warnings


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in method_problems("method.py", ast.parse(text))]


@pytest.mark.parametrize(
    "text",
    [
        "class A(Method): ...",
        "class A(benchmark.method.Method): ...",
        "from benchmark.method import Method as Base\nclass A(Base): ...",
        "class Head(nn.Module): ...\nclass A(Mixin, Method): ...",
        "class A(Method): ...\ndef f():\n    class B(Method): ...",
    ],
)
def test_one_class_at_the_top_that_derives_from_method_is_right(text: str) -> None:
    assert problems_of(text) == []


@pytest.mark.parametrize(
    "text",
    ["", "class A: ...", "class A(nn.Module): ...", "def f():\n    class A(Method): ...", "class A(x.Methods): ..."],
)
def test_no_such_class_is_refused(text: str) -> None:
    assert problems_of(text) == [
        "method.py: expected one class that derives from benchmark.method.Method, at the top level of the file, "
        "got none"
    ]


def test_a_second_one_is_refused_with_its_line_even_when_it_derives_from_the_first() -> None:
    assert problems_of("class A(Method): ...\n\nclass B(A): ...\nclass C(x.Method): ...\n") == [
        "method.py:3: expected one class that derives from Method (A on line 1 already does), got another one, B",
        "method.py:4: expected one class that derives from Method (A on line 1 already does), got another one, C",
    ]


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    [
        (b"x = 1\ny = = 2\n", "f.py:2", "valid Python"),
        (b"x = 1\n  y = 2\n", "f.py:2", "valid Python"),
        (b"x = " + b"9" * 5000, "f.py:1", "valid Python"),
        (b"x = " + b"-" * 250_000 + b"1", "f.py", "Python that the parser can hold"),
        (b"x = 1" + b"+1" * 120_000, "f.py", "Python that the parser can hold"),
        (b"# coding: utf-7\nx = 1\n", "f.py:1", "UTF-8 source"),
        (b"#!/usr/bin/python\n# -*- coding: latin-1 -*-\n", "f.py:1", "UTF-8 source"),
        (b"# coding: no-such\n", "f.py", "valid Python"),
    ],
)
def test_what_python_cannot_parse_is_a_problem_with_its_line(text: bytes, where: str, expected: str) -> None:
    parsed = parse_source("f.py", text)
    assert parsed.tree is None
    assert parsed.problem is not None
    assert (parsed.problem.where, parsed.problem.expected) == (where, expected)
    assert str(parsed.problem).isprintable()
    assert len(str(parsed.problem)) < 200


def test_doubtful_escapes_and_byte_order_marks_are_fine() -> None:
    assert parse_source("f.py", b"\xef\xbb\xbfx = '\\d'\n").tree is not None


def literals(text: str) -> list[str]:
    return list(literal_warnings("f.py", ast.parse(text)))


LABELS = random.Random(0).choices(range(10), k=20_000)


@pytest.mark.parametrize(
    "text",
    [
        f"x = 1\ny = {base64.b64encode(bytes(LABELS)).decode()!r}",
        f"x = 1\ny = {bytes(LABELS)!r}",
        f"x = 1\ny = {''.join(map(str, LABELS))!r}",
        f"x = 1\ny = 0x{''.join(map(str, LABELS))}",
    ],
)
def test_a_long_literal_is_pointed_out(text: str) -> None:
    found = literals(text)
    assert found[0].startswith("f.py:2: a literal of ")
    assert found[1].startswith("f.py: literals that carry ")


@pytest.mark.parametrize(
    "text",
    [
        f"y = {LABELS}",
        "y = (" + "\n".join(repr(str(label)) for label in LABELS) + ",)",
        "y = [" + ",".join(repr("".join(map(str, LABELS[i : i + 50]))) for i in range(0, 20_000, 50)) + "]",
        "y = " + " + ".join(["b'" + "".join(map(str, LABELS[i : i + 4000])) + "'" for i in range(0, 20_000, 4000)]),
    ],
)
def test_much_in_small_literals_is_pointed_out_too(text: str) -> None:
    assert any("literals that carry" in found or "a literal of" in found for found in literals(text))


def test_ordinary_code_and_long_docstrings_are_not_pointed_out() -> None:
    docstring = " ".join(f"word{i}" for i in range(3000))
    text = f'"""{docstring}"""\ndef f():\n    """{docstring}"""\n    return [0.5, 0.9, "relu", True, None, ...]\n'
    assert literals(text) == []


def test_texts_that_look_encoded_are_pointed_out_with_their_line() -> None:
    noise = base64.b64encode(random.Random(0).randbytes(9000)).decode()
    (dense, run) = text_warnings("f.py", f"# one\n# {noise}\n")
    assert dense.startswith("f.py: ")
    assert run == "f.py:2: 12000 characters without a break, as encoded data would have"
    broken = "\n".join(f"# {noise[i : i + 60]}" for i in range(0, len(noise), 60))
    assert len(list(text_warnings("f.py", broken))) == 1


def test_data_files_that_carry_much_are_pointed_out() -> None:
    (found,) = text_warnings("labels.txt", "\n".join(map(str, LABELS)))
    assert "carries" in found


def test_prose_code_and_rulers_are_not_pointed_out() -> None:
    code = Path(__file__).parents[2] / "benchmark"
    for path in (code / "spec" / "documents" / "validation.py", code / "method" / "contract.py"):
        assert list(text_warnings(path.name, path.read_text())) == []
    assert list(text_warnings("README.md", "=" * 400 + "\n" + "-" * 300)) == []


def test_invisible_direction_marks_are_pointed_out() -> None:
    (found,) = text_warnings("f.py", "a\nb = '\u202e'\n")
    assert found == "f.py:2: an invisible mark (U+202E) that changes how the text reads"
