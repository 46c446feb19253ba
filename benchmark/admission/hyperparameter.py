"""A setting of a method: which values it may have, and of which kind they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from benchmark.spec.base import Problem
from benchmark.spec.documents.wording import nearest_word, quoted


def one_line(text: str) -> str:
    """Return a text that is not empty and has one printable line.

    Raises:
        ValueError: it is anything else.
    """
    if not text.isprintable() or not text.strip():
        raise ValueError("text on one line")
    return text


def _bounded(value: bool | int | float | str) -> bool | int | float | str:
    """Keep hyperparameters in ranges where every reader of records agrees on them (doubles hold 10^12 exactly)."""
    if isinstance(value, str):
        if len(value) > 200 or not value.isprintable():
            raise ValueError("text of at most 200 characters on one line")
    elif not 0 <= value <= 10**12:
        raise ValueError("a number from 0 to 10^12")
    return value


Hyperparameter = Annotated[
    bool | int | float | str,
    Field(description="true or false, a number from 0 to 10^12, or text of at most 200 characters on one line"),
    AfterValidator(_bounded),
]
"""A setting of a method; negative numbers are not needed (write the sign in the method)."""


def kind_of(value: bool | int | float | str) -> str:
    """Return what a value is, in words."""
    if isinstance(value, bool):
        return "true or false"
    return "text" if isinstance(value, str) else "a number"


def unfit(where: str, name: str, kind: str | None, known: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong where a manifest names a hyperparameter again: it does not exist, or has another kind.

    Args:
        where: place in the manifest.
        name: the hyperparameter.
        kind: of the values that stand there, in the words of `kind_of`; None where there are none to judge.
        known: the hyperparameters of the manifest.
    """
    if name not in known:
        expected = "the name of a hyperparameter that is set under hyperparameters"
        yield Problem(where, expected, quoted(name), nearest_word(name, known))
    elif kind is not None and known[name] is not None and kind != kind_of(known[name]):
        yield Problem(where, f"{kind_of(known[name])}, as under hyperparameters", kind)
