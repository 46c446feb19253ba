from __future__ import annotations

import ast

import pytest

from benchmark.admission.source import method_problems, parse_source


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
