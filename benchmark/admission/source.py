"""Python text of a submission, judged without running it: does it parse, which class is the method, what to review.

It refuses to execute or import anything, and to decide whether what it flags is honest: people do.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from benchmark.spec.base import Problem
from benchmark.spec.documents.wording import quoted

METHOD = "Method"
"""Name of the class that a submission derives from."""

_LONG_LITERAL_BYTES = 4096
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/=_-]{256,}")
_DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


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

    Judged by name, as nothing is imported: `Method`, `anything.Method`, what `from ... import Method as` names, and
    classes of this file that derive from these.
    """
    names = {METHOD} | {
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == METHOD and alias.asname
    }
    found: list[ast.ClassDef] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_base_name(base) in names for base in node.bases):
            names.add(node.name)
            found.append(node)
    if not found:
        expected = f"one class that derives from benchmark.method.{METHOD}, at the top level of the file"
        yield Problem(file, expected, "none")
    for extra in found[1:]:
        expected = f"one class that derives from {METHOD} ({found[0].name} on line {found[0].lineno} already does)"
        yield Problem(f"{file}:{extra.lineno}", expected, f"another one, {extra.name}")


def _base_name(base: ast.expr) -> str | None:
    if isinstance(base, ast.Attribute):
        return METHOD if base.attr == METHOD else None
    return base.id if isinstance(base, ast.Name) else None


def text_warnings(file: str, text: str) -> Iterator[str]:
    """Yield what a reviewer should look at in any text: what looks encoded, carries much, or reads otherwise."""
    carried, size = len(zlib.compress(text.encode(), 9)), len(text.encode())
    if carried > _LONG_LITERAL_BYTES and carried > size / 2:  # code compresses to a third, prose to some two fifths
        yield f"{file}: {size} bytes that compress to {carried} only, as encoded data would"
    elif carried > 2 * _LONG_LITERAL_BYTES and not file.endswith(".py"):
        yield f"{file}: a text that carries {carried} bytes after compression"
    for match in _BASE64_RUN.finditer(text):
        run = match.group()
        if len(set(run)) > 8:  # a ruler of ---- or ==== is no message
            line = text.count("\n", 0, match.start()) + 1
            yield f"{file}:{line}: {len(run)} characters without a break, as encoded data would have"
    for match in _DIRECTION_MARKS.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield f"{file}:{line}: an invisible mark (U+{ord(match.group()):04X}) that changes how the text reads"


def literal_warnings(file: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a reviewer should look at among the literals of Python code: long ones, or many that carry much.

    The measure of "much" is the size of all literals (docstrings left out) after compression: the 50,000 training
    labels of CIFAR-10 take some 21 kB in any spelling, the literals of an ordinary method a few hundred bytes.
    """
    docstrings, spelt = _docstrings(tree), list[bytes]()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in docstrings or isinstance(node.value, bool | None):
            continue
        value = _spelt(node.value)
        spelt.append(value)
        if len(value) > _LONG_LITERAL_BYTES:
            yield f"{file}:{node.lineno}: a literal of {len(value)} bytes"
    compressed = len(zlib.compress(b",".join(spelt), 9))
    if compressed > _LONG_LITERAL_BYTES:
        yield f"{file}: literals that carry {compressed} bytes after compression"


def _spelt(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return b"%x" % value  # decimal digits of a huge integer would take quadratic time
    return str(value).encode(errors="surrogatepass")


def _docstrings(tree: ast.Module) -> set[int]:
    """Find the nodes that are documentation, by identity."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                found.add(id(first.value))
    return found
