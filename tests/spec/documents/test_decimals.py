from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.spec.documents.decimals import written_number


@given(st.integers(-(10**60), 10**60))
def test_whole_numbers_are_ints(value: int) -> None:
    found = written_number(str(value))
    assert found == value
    assert isinstance(found, int)


@given(st.floats(min_value=-1e200, max_value=1e200).filter(lambda value: value == 0 or abs(value) > 1e-200))
def test_the_shortest_text_of_a_float_comes_back_as_the_same_float(value: float) -> None:
    found = written_number(repr(value))
    assert found is not None
    assert float(found) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.95", "0.95"), (".5", "0.5"), ("5.", "5"), ("1e-3", "0.001"), ("1.0E+2", "1.0E+2"),
        ("-0.0", "0"), ("+2.5", "2.5"),
    ],
)
def test_fractions_are_exact_decimals(text: str, value: str) -> None:
    found = written_number(text)
    assert isinstance(found, Decimal)
    assert str(found) == str(Decimal(value))


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", "e5", ".e5", "1e", "1_000", "0x1F", "007", "1:30", "١", "nan", "inf", "1.2.3", "1 ", " 1", "1\n"],
)
def test_other_text_is_not_a_number(text: str) -> None:
    assert written_number(text) is None


@pytest.mark.parametrize("text", ["9" * 65, "0." + "1" * 63, "1e301", "1e-999999", "-1e999999"])
def test_numbers_that_would_hurt_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a number"):
        written_number(text)
