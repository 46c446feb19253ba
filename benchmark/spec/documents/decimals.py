"""Numbers as they are written: exact, finite, and of a size that is safe to compute with.

It refuses binary floats: 0.95 in a document is Decimal("0.95"), not the nearest double.
"""

from __future__ import annotations

import re
from decimal import Decimal

_LONGEST_NUMBER = 64
_LARGEST_EXPONENT = 300
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]{1,6})?")


def written_number(text: str) -> int | Decimal | None:
    """Read a number of a document.

    Args:
        text: ASCII digits with an optional sign, fraction and exponent (the numbers of YAML 1.2 and JSON).

    Returns:
        An int for whole numbers written without fraction and exponent, an exact Decimal for the others, and None where
        `text` is not written as a number.

    Raises:
        ValueError: the number has more than 64 characters or lies beyond 1e±300 (a few characters such as
            1e-999999999 would fill the memory when written out).

    >>> written_number("8"), written_number("0.950"), written_number("1e-3"), written_number("eight")
    (8, Decimal('0.950'), Decimal('0.001'), None)
    """
    whole = _WHOLE.fullmatch(text) is not None
    if not whole and (not _FRACTION.fullmatch(text) or not re.match(r"[-+]?\.?[0-9]", text)):
        return None
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"a number of at most {_LONGEST_NUMBER} characters")
    if whole:
        return int(text)
    value = Decimal(text)
    if value != 0 and abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"a number between 1e-{_LARGEST_EXPONENT} and 1e{_LARGEST_EXPONENT}")
    return value if value != 0 else Decimal(0)
