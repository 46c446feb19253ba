"""What the annotation of a field says: bounds, choices, union members. It validates nothing."""

from __future__ import annotations

import functools
import operator
import types
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from benchmark.spec.base import Document


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


def without_none(field: FieldInfo) -> FieldInfo:
    """Give the field that remains of `X | None`, with all that is said of it."""
    inner = [kind for kind in scalar_kinds(field.annotation) if kind is not type(None)]
    narrowed = FieldInfo.from_annotation(functools.reduce(operator.or_, inner))
    narrowed.metadata = [*narrowed.metadata, *field.metadata]
    narrowed.discriminator = narrowed.discriminator or field.discriminator
    narrowed.description = narrowed.description or field.description
    return narrowed


def members(field: FieldInfo) -> dict[str, type[Document]]:
    """List the documents of a tagged union by their tag."""
    assert isinstance(field.discriminator, str), "only unions told apart by a named field are read"
    return {
        tag: member
        for member in scalar_kinds(field.annotation)
        for tag in choices(member.model_fields[field.discriminator].annotation)
    }
