"""The common ground of every specification model: frozen, nothing extra, exact decimals, cross-field checks as data.

It refuses to know any particular document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from benchmark.spec.canonical import plain_decimal


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a document: where it is, what was expected, what was found, and the nearest valid value."""

    where: str
    expected: str
    got: str
    nearest: str | None = None

    def __str__(self) -> str:
        hint = f" (nearest valid: {self.nearest})" if self.nearest else ""
        return f"{self.where}: expected {self.expected}, got {self.got}{hint}"


class UserError(ValueError):
    """Something that a user asked for cannot be done; every problem is said at once, for people.

    Attributes:
        problems: all of them, in the order in which they were found.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class Document(BaseModel):
    """A frozen part of a specification.

    Checks that span several fields are written as `contradictions`, over whatever fields parsed, so that a reader
    sees every problem of a document at once even when some fields are wrong (Pydantic alone would skip them).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="strings")

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> Iterator[Problem]:
        """Yield a problem for every contradiction among the `values` that parsed; `where` is relative to this model.

        Fields that did not parse are absent; entries of lists and dicts that did not parse are None, so that the
        positions of the others hold.
        """
        yield from ()

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        problems = list(type(self).contradictions({name: getattr(self, name) for name in type(self).model_fields}))
        if problems:
            raise ValueError("; ".join(map(str, problems)))
        return self


def _plain(value: Decimal) -> Decimal:
    """Give equal decimals equal text: 0.50 and 0.5 are one value and must hash alike."""
    return Decimal(plain_decimal(value))


PrunedSparsity = Annotated[Decimal, Field(gt=0, lt=1), AfterValidator(_plain)]
"""Fraction of prunable weights that are zero, in (0, 1), as an exact decimal."""

TrainingFraction = Annotated[Decimal, Field(ge=0, le=1), AfterValidator(_plain)]
"""Position in training as a fraction of all updates, in [0, 1], as an exact decimal."""
