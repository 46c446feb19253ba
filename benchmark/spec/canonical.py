"""One value, one text: the canonical JSON that every key and digest of the project is taken over.

It refuses whatever has no single exact text: NaN, infinities, keys that are not strings, sets, objects.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

_LARGEST_EXPONENT = 1000
"""Decimals are written out in full; beyond 10^1000 that would be a way to fill the memory, not a number."""


def canonical_json(value: Any) -> bytes:
    """Write `value` as the one JSON text that equal values share.

    Keys are sorted by code point, nothing is padded, text is UTF-8 and unescaped, tuples are arrays. A `Decimal` is a
    string of plain digits without trailing zeros, so that 0.50 and 0.5 agree while no binary float is ever involved.
    `1`, `1.0` and `True` stay three different values.

    Args:
        value: None, bool, int, float, str, Decimal, and mappings, lists and tuples of them.

    Returns:
        UTF-8 bytes, without a final newline.

    Raises:
        ValueError: for NaN and infinities, keys that are not strings, text that is not Unicode, and any other type.

    >>> canonical_json({"b": Decimal("0.50"), "a": (1, 2.5, None)}).decode()
    '{"a":[1,2.5,null],"b":"0.5"}'
    """
    text = json.dumps(_plain(value, "$"), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest(value: Any) -> str:
    """Hash the canonical JSON of `value`.

    Returns:
        SHA-256 as 64 lower-case hexadecimal digits.

    Raises:
        ValueError: where `canonical_json` does.

    >>> digest({})[:12]
    '44136fa355b3'
    """
    return hashlib.sha256(canonical_json(value)).hexdigest()


def plain_decimal(value: Decimal) -> str:
    """Write a finite decimal in plain digits: no exponent, no trailing zeros, no negative zero.

    Unlike `Decimal.normalize` it never rounds to the precision of the current context.

    Raises:
        ValueError: for NaN, infinities and magnitudes beyond 10^1000.

    >>> plain_decimal(Decimal("0.9500")), plain_decimal(Decimal("1E+3"))
    ('0.95', '1000')
    """
    if not value.is_finite():
        raise ValueError(f"expected a finite decimal, got {value}")
    if value == 0:
        return "0"
    exponent = cast(int, value.as_tuple().exponent)
    if exponent < -_LARGEST_EXPONENT or value.adjusted() > _LARGEST_EXPONENT:
        raise ValueError(f"expected a decimal within 10^±{_LARGEST_EXPONENT}, got {value}")
    digits = format(value, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _plain(value: Any, where: str) -> Any:
    """Reduce `value` to what `json` writes in one way only; `where` is its path, for messages."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _unicode(value, where)
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where}: expected a finite number, got {value}")
        return value
    if isinstance(value, Mapping):
        entries = cast(Mapping[Any, Any], value)
        return {_key(key, where): _plain(entry, f"{where}.{key}") for key, entry in entries.items()}
    if isinstance(value, list | tuple):
        elements = cast(list[Any] | tuple[Any, ...], value)
        return [_plain(element, f"{where}[{position}]") for position, element in enumerate(elements)]
    raise ValueError(f"{where}: expected plain data, got a {type(value).__name__}")


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise ValueError(f"{where}: expected keys that are strings, got {key!r}")
    return _unicode(key, where)


def _unicode(text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where}: expected Unicode text, got {text[:80]!r}") from None
    return text
