"""Data that a submission may carry in its text, such as the labels of a public dataset: pointed out for review.

Everything is measured by its size after compression. The 50,000 training labels of CIFAR-10 take some 21 kB in any
spelling; the literals of an ordinary method a few hundred bytes.

What is found: texts that compress badly, long unbroken runs of characters, invisible marks, long literals, and literals
or names that carry much, in one file or spread over many.

What is not found: data in the words of comments and docstrings, in the order of statements, operators or keywords, or
shared out among several of these; and data of a few kilobytes. People who review read the code. It refuses to decide
whether what it points out is honest.
"""

from __future__ import annotations

import ast
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping

_MUCH_BYTES = 4096
"""After compression; less is never pointed out."""

_LABELS_BYTES = 18 << 10
"""Of literals, after compression; all training labels of CIFAR-10 take more. 256 KiB of ordinary code has up to 12 kB.

There is no such bound for names: 256 KiB of ordinary code has up to 19 kB in their order."""

_MUCH_SHARE = 0.35
"""Of what all code carries. Names have .13 to .25 of it and literals .05 to .23 in 28 pieces of up to 256 KiB of torch,
torchvision, kornia, pandas, scikit-learn and this project; labels spelt in either have .6 or more."""

_BASE64_RUN = re.compile(r"[A-Za-z0-9+/=_-]{256,}")
_DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def text_warnings(file: str, text: str) -> Iterator[str]:
    """Yield what a reviewer should look at in any text: what looks encoded, carries much, or reads otherwise."""
    carried, size = len(zlib.compress(text.encode(), 9)), len(text.encode())
    if carried > _MUCH_BYTES and carried > size / 2:  # code compresses to a third, prose to some two fifths
        yield f"{file}: {size} bytes that compress to {carried} only, as encoded data would"
    elif carried > 2 * _MUCH_BYTES and not file.endswith(".py"):
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
    """Yield what a reviewer should look at among the literals of a Python file: long ones, or many that carry much."""
    spelt: list[bytes] = []
    for node, value in _literals(tree):
        spelt.append(value)
        if len(value) > _MUCH_BYTES:
            yield f"{file}:{node.lineno}: a literal of {len(value)} bytes"
    compressed = len(zlib.compress(b",".join(spelt), 9))
    if compressed > _MUCH_BYTES:
        yield f"{file}: literals that carry {compressed} bytes after compression"


def code_warnings(sources: Mapping[str, str], trees: Mapping[str, ast.Module]) -> Iterator[str]:
    """Yield what a reviewer should look at in all Python files taken together: names or literals that carry much.

    Args:
        sources: text by file.
        trees: the parsed files.
    """
    literals = b",".join(value for tree in trees.values() for _, value in _literals(tree))
    whole = len(zlib.compress("".join(sources.values()).encode(errors="surrogatepass"), 9))
    names = [name for tree in trees.values() for name in _names(tree)]
    much = max(_MUCH_BYTES, int(_MUCH_SHARE * whole))
    in_literals, in_names = len(zlib.compress(literals, 9)), _carried_by(names)
    for what, carried, limit in (("literals", in_literals, min(much, _LABELS_BYTES)), ("names", in_names, much)):
        if carried > limit:
            yield f"all files: {what} that carry {carried} bytes after compression, of {whole} bytes of code"


def _carried_by(names: list[str]) -> int:
    """Return the compressed size of a sequence of names: of their order, not of how they are spelt."""
    numbers = {name: number for number, (name, _) in enumerate(Counter(names).most_common())}
    low, high = array("B"), array("B")
    for name in names:
        low.append(numbers[name] & 255)
        high.append(numbers[name] >> 8 & 255)
    return len(zlib.compress(low.tobytes(), 9)) + len(zlib.compress(high.tobytes(), 9))


def _names(tree: ast.Module) -> Iterator[str]:
    """Yield every identifier where it is used: of variables, attributes, arguments, imports, definitions."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant):
            for field in node._fields:
                value: object = getattr(node, field, None)
                if isinstance(value, str):
                    yield value


def _literals(tree: ast.Module) -> Iterator[tuple[ast.Constant, bytes]]:
    """Yield every literal and its value as bytes; docstrings and the three constants of the language are left out."""
    docstrings = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings and not isinstance(node.value, bool | None):
            yield node, _spelt(node.value)


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
