"""The words of validation messages: how a value that came, an expected field and the nearest valid value are said.

It refuses to decide what is valid. Whatever it quotes from a document is short and has its control characters escaped.
"""

from __future__ import annotations

import difflib
import math
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal, Union, cast, get_args, get_origin

from pydantic.fields import FieldInfo

LONGEST_QUOTE = 80
"""Characters of a document that a message repeats at most."""


def shown(value: Any) -> str:
    r"""Say what came, never more than about 80 characters of it.

    >>> shown(None), shown(True), shown("a\x1b[2J"), shown([1, 2])
    ('nothing', 'true', "'a\\x1b[2J'", 'a list of 2')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, int | float | Decimal):
        return _shortened(str(value))
    if isinstance(value, list | tuple):
        return f"a list of {len(cast(list[Any], value))}" if value else "an empty list"
    if isinstance(value, Mapping):
        keys = [str(key) for key in cast(Mapping[Any, Any], value)]
        return f"a mapping with {_shortened(', '.join(map(quoted, keys[:20])))}" if keys else "an empty mapping"
    return f"a {type(value).__name__}"


def quoted(text: str) -> str:
    """Put text in quotes on one line: control and invisible characters escaped, the end cut where it is long."""
    inner = repr(text[:LONGEST_QUOTE])
    cut = len(inner) > LONGEST_QUOTE + 2
    if not cut and len(text) <= LONGEST_QUOTE:
        return inner
    return f"{inner[: LONGEST_QUOTE - 2]}…{inner[0]} ({len(text)} characters)"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1]}…"


def path_to(where: str, key: str | int) -> str:
    """Extend the path of a value by a key or a position; keys that could be misread are quoted.

    >>> path_to(path_to("tasks", 0), "dataset"), path_to("", "a.b")
    ('tasks[0].dataset', "['a.b']")
    """
    if isinstance(key, int):
        return f"{where}[{key}]"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key):
        return f"{where}[{quoted(key)}]"
    return f"{where}.{key}" if where else key


def nearest_word(word: str, known: Iterable[str]) -> str | None:
    """Find the known word that a misspelt one most likely stands for."""
    found = difflib.get_close_matches(word[:LONGEST_QUOTE], list(known), n=1, cutoff=0.6)
    return found[0] if found else None


@dataclass(frozen=True)
class Limits:
    """The bounds of one field, gathered from its annotations; None where there is none."""

    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    @classmethod
    def of(cls, field: FieldInfo) -> Limits:
        """Read the bounds of a field."""
        found: dict[str, Any] = {}
        for item in field.metadata:
            for name in cls.__dataclass_fields__:
                value = getattr(item, name, None)
                if value is not None:
                    found[name] = value
        return cls(**found)

    @property
    def range(self) -> str:
        """Say the numeric range: ` from 1 to 256`, ` more than 0 and at most 1`, or nothing."""
        if self.ge is not None and self.le is not None:
            return f" from {self.ge} to {self.le}"
        low = f"more than {self.gt}" if self.gt is not None else f"at least {self.ge}" if self.ge is not None else ""
        high = f"less than {self.lt}" if self.lt is not None else f"at most {self.le}" if self.le is not None else ""
        return f" {low} and {high}" if low and high else f" {low}{high}" if low or high else ""

    @property
    def length(self) -> str:
        """Say the permitted length: `2 to 32`, `at most 2000`, or nothing."""
        low, high = self.min_length, self.max_length
        if low and high is not None:
            return f"{low} to {high}" if low != high else f"{low}"
        return f"at least {low}" if low else f"at most {high}" if high is not None else ""


def scalar_kinds(annotation: Any) -> tuple[Any, ...]:
    """List the types that a plain field may have; more than one for a union."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def choices(annotation: Any) -> tuple[Any, ...]:
    """List the values of a `Literal`; none for any other annotation."""
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def one_of(words: Iterable[Any]) -> str:
    """Say a closed choice."""
    known = [shown(word) if not isinstance(word, str) else word for word in words]
    return known[0] if len(known) == 1 else f"one of {', '.join(known)}"


def expectation(field: FieldInfo) -> str:
    """Say what a plain field accepts; a text with a pattern is said in the words of its own docstring."""
    if choices(field.annotation):
        return one_of(choices(field.annotation))
    limits, kinds = Limits.of(field), scalar_kinds(field.annotation)
    words = [_kind_words(kind, limits) for kind in kinds if not (kind is int and (float in kinds or Decimal in kinds))]
    if limits.pattern or any(not word for word in words):
        return _described(field, limits)
    return " or ".join(words)


def _kind_words(kind: Any, limits: Limits) -> str:
    if kind is bool:
        return "true or false"
    if kind is int:
        whole = "an even whole number" if limits.multiple_of == 2 else "a whole number"
        multiple = f" and a multiple of {limits.multiple_of}" if limits.multiple_of not in (None, 2) else ""
        return f"{whole}{limits.range}{multiple}"
    if kind in (float, Decimal):
        return f"a number{limits.range}"
    if kind is str:
        return f"text of {limits.length} characters" if limits.length else "text"
    return ""


def _described(field: FieldInfo, limits: Limits) -> str:
    first_sentence = (field.description or "").strip().rstrip(".")
    if first_sentence:
        return first_sentence[0].lower() + first_sentence[1:]
    return f"text matching {limits.pattern}" if limits.pattern else "a valid value"


def nearest_number(field: FieldInfo, value: int | float | Decimal) -> str | None:
    """Clamp a number into the range of a field; `just below 1` where the bound itself is not permitted."""
    limits, number = Limits.of(field), Decimal(str(value))
    if limits.gt is not None and number <= limits.gt:
        return f"just above {limits.gt}"
    if limits.lt is not None and number >= limits.lt:
        return f"just below {limits.lt}"
    if limits.ge is not None and number < _exact(limits.ge):
        number = _exact(limits.ge)
    if limits.le is not None and number > _exact(limits.le):
        number = _exact(limits.le)
    if scalar_kinds(field.annotation) == (int,):
        return _nearest_whole(number, limits)
    return str(number)


def _nearest_whole(number: Decimal, limits: Limits) -> str:
    step = limits.multiple_of or 1
    whole = int((number / step).to_integral_value(ROUND_HALF_UP)) * step
    if limits.le is not None and whole > limits.le:
        whole = math.floor(limits.le / step) * step
    if limits.ge is not None and whole < limits.ge:
        whole = math.ceil(limits.ge / step) * step
    return str(whole)


def _exact(bound: Any) -> Decimal:
    return Decimal(str(bound))
