"""What a manifest says about tuning: the space that may be searched, and how its values were chosen.

Pure data. Searching is done in `benchmark.tuning`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from benchmark.admission.hyperparameter import Hyperparameter, kind_of, one_line, unfit
from benchmark.spec.base import Document, Problem
from benchmark.spec.documents.wording import path_to, quoted

_Bound = Annotated[float, Field(ge=0, le=10**12, allow_inf_nan=False)]


class Dimension(Document):
    """The values that one hyperparameter may take in a search: a range from `low` to `high`, or a list of `choices`."""

    low: _Bound | None = None
    """Smallest value, 0 to 10^12."""
    high: _Bound | None = None
    """Largest value, 0 to 10^12, above `low`."""
    log: bool = False
    """Whether the logarithm of the value is what is searched evenly; `low` is above 0 then."""
    integer: bool = False
    """Whether only whole numbers are tried."""
    choices: Annotated[tuple[Hyperparameter, ...], Field(max_length=32)] = ()
    """Two or more values of one kind, instead of a range."""

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Refuse what is neither a range nor a list, and ranges without a value between their ends."""
        choices, low, high = values.get("choices"), values.get("low"), values.get("high")
        if choices:
            yield from _odd_choices(choices, values)
        elif {"low", "high", "choices"} <= values.keys():
            if low is None or high is None:
                yield Problem("", "low and high, or choices", "neither both ends of a range nor choices")
            else:
                yield from _odd_range(low, high, values)

    def says(self) -> str:
        """Return it in words: `0.01 to 1 (log)`, or `a, b or c`."""
        if self.choices:
            *others, last = (f"{each:g}" if isinstance(each, float) else str(each) for each in self.choices)
            return f"{', '.join(others)} or {last}"
        how = [word for word, is_so in (("log", self.log), ("whole numbers", self.integer)) if is_so]
        return f"{self.low:g} to {self.high:g}" + (f" ({', '.join(how)})" if how else "")


def _odd_choices(choices: tuple[Any, ...], values: Mapping[str, Any]) -> Iterator[Problem]:
    beside = [name for name in ("low", "high", "log", "integer") if values.get(name)]
    if beside:
        yield Problem(beside[0], "choices alone, or a range alone", "both")
    known = [each for each in choices if each is not None]
    if len(known) < len(choices):
        return
    if len({kind_of(each) for each in known}) > 1:
        yield Problem("choices", "values of one kind", ", ".join(dict.fromkeys(map(kind_of, known))))
    if len(set(known)) < 2 or len(set(known)) < len(known):
        yield Problem("choices", "two or more different values", quoted(", ".join(map(str, known))))


def _odd_range(low: float, high: float, values: Mapping[str, Any]) -> Iterator[Problem]:
    if not low < high:
        yield Problem("high", f"more than low ({low:g})", f"{high:g}")
    if values.get("log") and low == 0:
        yield Problem("low", "more than 0, as log asks", "0")
    if values.get("integer"):
        for name, bound in (("low", low), ("high", high)):
            if bound != int(bound):
                yield Problem(name, "a whole number, as integer asks", f"{bound:g}")


class Tuning(Document):
    """How the hyperparameters were chosen: a result belongs to the search that led to it."""

    budget: Annotated[int, Field(ge=0, le=10**9)]
    """Number of settings that were trained and compared, 0 to 10^9; 0 where nothing was compared."""
    search: Annotated[
        str,
        Field(min_length=1, max_length=500, description="how settings were chosen, 1 to 500 characters on one line"),
        AfterValidator(one_line),
    ]
    """How these settings were chosen, such as `grid over learning_rate` or `as published`, at most 500 characters."""
    split: Literal["validation", "test", "other", "none"]
    """Which images decided: `validation` images, `test` images, images of an `other` data set, or `none`."""
    specification: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9-]{0,63}-[0-9]{1,3}\.[0-9]{1,3})?$")] = ""
    """Name and version of the specification that settings were compared under, or empty."""
    objective: Annotated[
        str,
        Field(max_length=200, description="what was compared, at most 200 characters on one line, or empty"),
        AfterValidator(lambda text: one_line(text) if text else text),
    ] = ""
    """The number by which settings were compared, at most 200 characters, or empty."""
    best: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    """That number for the setting that was chosen, in [0, 1]."""
    date: Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")] = ""
    """Day on which the search ended, as `2026-11-28`, or empty."""


def unfit_dimensions(space: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield dimensions of hyperparameters that do not exist, or whose values are of another kind.

    Args:
        space: the search space of a manifest.
        known: its hyperparameters.
    """
    for name, dimension in space.items():
        kind = None
        if isinstance(dimension, Dimension):
            kind = kind_of(dimension.choices[0]) if dimension.choices else "a number"
        yield from unfit(path_to("search_space", name), name, kind, known)
