from __future__ import annotations

import hashlib
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.spec.canonical import canonical_json, digest, plain_decimal

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(PLAIN)
def test_plain_data_survives_the_round_trip(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text("abcé\n\"", max_size=3), st.integers(), max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, int], random: Any) -> None:
    entries = list(value.items())
    random.shuffle(entries)
    assert canonical_json(dict(entries)) == canonical_json(value)


def test_the_text_is_pinned() -> None:
    """Every key and record of the project is a hash of such a text: it must never change."""
    value = {"b": [Decimal("0.9500"), 1, 1.0, True, None, 1e-07], "a": {"é\n": "☃"}, "c": ()}
    assert canonical_json(value).decode() == '{"a":{"é\\n":"☃"},"b":["0.95",1,1.0,true,null,1e-07],"c":[]}'
    assert digest(value) == "9a0af75982eb152eba34a1160252e23f8837227b28e252d6f5e1c3e7c8ed38a9"


def test_the_digest_is_the_sha256_of_the_text() -> None:
    assert digest({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


def test_one_and_one_point_zero_and_true_are_three_values() -> None:
    assert len({digest(1), digest(1.0), digest(True), digest("1")}) == 4


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1000, max_value=1000))
def test_equal_decimals_share_one_exact_text(value: Decimal) -> None:
    text = plain_decimal(value)
    assert Decimal(text) == value
    assert text == plain_decimal(value * Decimal("1.000"))
    assert "e" not in text.lower()
    assert text != "-0"


def test_decimals_longer_than_the_context_are_not_rounded() -> None:
    long = "0." + "1234567890" * 6 + "1"
    assert plain_decimal(Decimal(long)) == long


@pytest.mark.parametrize(
    "value",
    [
        math.nan, math.inf, {"a": [-math.inf]}, Decimal("NaN"), Decimal("Infinity"), Decimal("1e-999999"),
        {1: 2}, {None: 1}, {1, 2}, b"bytes", object(), "\ud800", {"\udfff": 1}, [Decimal("1e999999")],
    ],
)  # fmt: skip
def test_what_has_no_exact_text_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        canonical_json(value)
