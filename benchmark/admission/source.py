"""Python text of a submission, judged without running it: does it parse, and which class is the method.

It refuses to execute or import anything.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from benchmark.spec.base import Problem
from benchmark.spec.documents.wording import quoted

METHOD = "Method"
"""Name of the class that a submission derives from."""

METHODS = frozenset({METHOD, "AugmentedMethod"})
"""Names of the classes of `benchmark.method` that a submission may derive from."""


@dataclass(frozen=True)
class ParsedSource:
    """A Python file: its tree, or the problem that kept it from parsing."""

    tree: ast.Module | None
    problem: Problem | None


def parse_source(file: str, data: bytes) -> ParsedSource:
    """Parse a Python file without running it.

    A declared encoding other than UTF-8 is refused: Python could then run another text than reviewers read.

    Args:
        file: name of the file in messages.
        data: its bytes, at most some 256 KiB.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if encoding not in ("utf-8", "utf-8-sig"):
            return ParsedSource(None, Problem(f"{file}:1", "UTF-8 source", f"the declared encoding {quoted(encoding)}"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # doubtful escapes in strings of a submission do no harm
            return ParsedSource(ast.parse(data, file), None)
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        return ParsedSource(None, Problem(f"{file}{line}", "valid Python", quoted(message)))
    except (RecursionError, MemoryError):
        return ParsedSource(None, Problem(file, "Python that the parser can hold", "expressions nested too deeply"))


def method_problems(file: str, tree: ast.Module) -> Iterator[Problem]:
    """Yield what is wrong with the classes of `method.py`: exactly one at its top level derives from `Method`.

    Judged by name, as nothing is imported: `Method` and the other `METHODS`, `anything.Method`, what
    `from ... import Method as` names, and classes of this file that derive from these.
    """
    names = METHODS | {
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in METHODS and alias.asname
    }
    found: list[ast.ClassDef] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_base_name(base) in names for base in node.bases):
            names |= {node.name}
            found.append(node)
    if not found:
        expected = f"one class that derives from benchmark.method.{METHOD}, at the top level of the file"
        yield Problem(file, expected, "none")
    for extra in found[1:]:
        expected = f"one class that derives from {METHOD} ({found[0].name} on line {found[0].lineno} already does)"
        yield Problem(f"{file}:{extra.lineno}", expected, f"another one, {extra.name}")


def _base_name(base: ast.expr) -> str | None:
    if isinstance(base, ast.Attribute):
        return base.attr if base.attr in METHODS else None
    return base.id if isinstance(base, ast.Name) else None
