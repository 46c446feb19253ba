"""One plain value of a document: converted where nothing is lost, judged by Pydantic, refused in plain words.

It refuses to turn text into numbers or numbers into text behind the author's back.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from benchmark.spec.documents.decimals import written_number
from benchmark.spec.documents.fields import Limits, choices, scalar_kinds
from benchmark.spec.documents.wording import expectation, nearest_number, nearest_word, one_of, shown


class UnreadableValueError(ValueError):
    """A value that its field does not accept: what was expected, what was found, and the nearest valid value."""

    def __init__(self, expected: str, got: str, nearest: str | None = None) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got, self.nearest = expected, got, nearest


def read_scalar(field: FieldInfo, raw: Any) -> Any:
    """Read a value that is neither list nor mapping.

    Args:
        field: type and bounds of what is expected.
        raw: what a document says: str, int, Decimal, float, bool or None; anything else is refused.

    Returns:
        The value in the type of its field. A Decimal field also takes numbers written as text (canonical JSON).

    Raises:
        UnreadableValueError: the value has another type or lies out of bounds.
    """
    options = choices(field.annotation)
    if options:
        return _chosen(options, raw)
    candidate = _converted(raw, scalar_kinds(field.annotation))
    if candidate is not None:
        try:
            return TypeAdapter(field.rebuild_annotation()).validate_python(candidate)
        except ValidationError:
            pass
    raise UnreadableValueError(expectation(field), shown(raw), _nearest(field, raw))


def _chosen(options: tuple[Any, ...], raw: Any) -> Any:
    if any(type(raw) is type(option) and raw == option for option in options):
        return raw
    nearest = nearest_word(raw, [str(option) for option in options]) if isinstance(raw, str) else None
    raise UnreadableValueError(one_of(options), shown(raw), nearest)


def _converted(raw: Any, kinds: tuple[Any, ...]) -> Any:
    """Turn a value into a type of its field, or None where that would lose or invent something."""
    if isinstance(raw, str) and str not in kinds and Decimal in kinds:
        raw = _number(raw)
    if isinstance(raw, int | float | Decimal) and not _is_tractable(raw):
        return None
    if type(raw) in kinds:
        return raw
    if isinstance(raw, int | float | Decimal) and not isinstance(raw, bool):
        return _widened(raw, kinds)
    return None if {bool, int, float, Decimal, str} & set(kinds) else raw


def _is_tractable(number: int | float | Decimal) -> bool:
    """Tell numbers that can be converted and compared from infinities, NaNs and those that only fill the memory."""
    if isinstance(number, int):
        return number.bit_length() < 1000
    if isinstance(number, Decimal):
        return number.is_finite() and (number == 0 or abs(number.adjusted()) <= 300)
    return math.isfinite(number)


def _widened(raw: int | float | Decimal, kinds: tuple[Any, ...]) -> float | Decimal | None:
    if Decimal in kinds:
        return Decimal(str(raw))
    return float(raw) if float in kinds else None


def _number(text: str) -> int | Decimal | None:
    try:
        return written_number(text)
    except ValueError:
        return None


def _nearest(field: FieldInfo, raw: Any) -> str | None:
    """Suggest a value that the field would accept, where one suggests itself."""
    kinds = scalar_kinds(field.annotation)
    numeric = bool({int, float, Decimal} & set(kinds))
    if isinstance(raw, str):
        if numeric and str not in kinds:
            number = _number(raw)
            return None if number is None else f"{nearest_number(field, number)}, without quotes"
        spelt = raw[:64].strip().lower().replace(" ", "-").replace("_", "-")
        return spelt if Limits.of(field).pattern and _is_valid(field, spelt) else None
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal) or not _is_tractable(raw):
        return None
    if kinds == (str,):
        return f'"{raw}", in quotes' if _is_valid(field, str(raw)) else None
    return nearest_number(field, raw) if numeric and str not in kinds else None


def _is_valid(field: FieldInfo, value: Any) -> bool:
    try:
        TypeAdapter(field.rebuild_annotation()).validate_python(value)
    except ValidationError:
        return False
    return True
