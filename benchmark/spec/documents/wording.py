"""The words of validation messages: how a wrong value, an expected field and the nearest valid value are worded.

It refuses to decide what is valid. Whatever it quotes from a document is short and has its control characters escaped.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, cast, get_origin

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from benchmark.spec.base import Document
from benchmark.spec.documents.fields import Limits, choices, members, scalar_kinds

LONGEST_QUOTE = 80
"""Characters of a document that a message repeats at most."""

LONGEST_PATH = 160
"""Characters of a path that a message shows at most."""


def shown(value: Any) -> str:
    r"""Word a wrong value, in never more than about 80 characters of it.

    >>> shown(None), shown(True), shown("a\x1b[2J"), shown([1, 2])
    ('nothing', 'true', "'a\\x1b[2J'", 'a list of 2')
    """
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return f"a whole number of {value.bit_length()} bits" if value.bit_length() > 256 else str(value)
    if isinstance(value, float | Decimal):
        return _shortened(str(value))
    return _shown_collection(value)


def _shown_collection(value: Any) -> str:
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


def quoted_path(path: Path) -> str:
    """Put a path in quotes on one line; the beginning of a long one is cut, because the end says which file it is."""
    inner = repr(str(path)[-LONGEST_PATH:])
    return inner if len(str(path)) <= LONGEST_PATH else f"{inner[0]}…{inner[1:]}"


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


def one_of(words: Iterable[Any]) -> str:
    """Say a closed choice."""
    known = [shown(word) if not isinstance(word, str) else word for word in words]
    return known[0] if len(known) == 1 else f"one of {', '.join(known)}"


def expectation(field: FieldInfo) -> str:
    """Say what belongs into a field; a text with a pattern is said in the words of its own docstring."""
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return f"a mapping with the keys {', '.join(annotation.model_fields)}"
    if field.discriminator:
        return f"a mapping with {field.discriminator}: {one_of(members(field))}"
    if get_origin(annotation) in (tuple, list):
        length = Limits.of(field).length
        return f"a list of {length} entries" if length else "a list"
    return "a mapping" if get_origin(annotation) is dict else _scalar_expectation(field)


def _scalar_expectation(field: FieldInfo) -> str:
    if choices(field.annotation):
        return one_of(choices(field.annotation))
    limits, kinds = Limits.of(field), scalar_kinds(field.annotation)
    words = [_kind_words(kind, limits) for kind in kinds if not (kind is int and (float in kinds or Decimal in kinds))]
    judged_by_code = str in kinds and any(isinstance(item, AfterValidator) for item in field.metadata)
    if limits.pattern or judged_by_code or not all(words):
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
    words = (field.description or "").partition(";")[0].strip().rstrip(".")
    if words:
        return words[0].lower() + words[1:]
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
