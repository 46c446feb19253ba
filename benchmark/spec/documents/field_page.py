"""Writes `docs/fields.md`, every field of a specification, from the docstrings of the models: `make docs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from benchmark.spec.base import Document
from benchmark.spec.benchmark_spec import BenchmarkSpec
from benchmark.spec.canonical import canonical_json

_HEADER = """# Every field of a specification

Generated from the docstrings of `benchmark/spec/` by `make docs`; edit them, not this page. A document is YAML; a field
without a default has to be there. How documents build on one another, and how pictures of your own are named, is in
[Specifications](specifications.md).
"""


def field_page() -> str:
    """Return the whole page: a section per model, in the order in which a reader of a document meets them."""
    parts = [_HEADER]
    for model in _models():
        description = " ".join((model.__doc__ or "").split())
        parts += [f"## {_title(model)}\n", f"{description}\n", "| field | default | what it is |", "|---|---|---|"]
        parts += [_row(name, field) for name, field in model.model_fields.items()]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def _models() -> Iterator[type[Document]]:
    """Yield the document and every part that a field of it can hold, each once, breadth first."""
    waiting: list[type[Document]] = [BenchmarkSpec]
    seen: set[type[Document]] = set()
    while waiting:
        model = waiting.pop(0)
        if model in seen:
            continue
        seen.add(model)
        yield model
        for field in model.model_fields.values():
            waiting += _documents_in(field.annotation)


def _documents_in(annotation: Any) -> list[type[Document]]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return [annotation]
    return [found for part in get_args(annotation) for found in _documents_in(part)]


def _title(model: type[Document]) -> str:
    """Name a model by the tag that documents write, where it has one."""
    for name in ("name", "kind"):
        field = model.model_fields.get(name)
        tags = [tag for tag in get_args(field.annotation) if isinstance(tag, str)] if field else []
        if tags:
            return f"{model.__name__} (`{name}: {tags[0]}`)"
    return model.__name__


def _row(name: str, field: FieldInfo) -> str:
    what = " ".join((field.description or "").split()).replace("|", "\\|")
    return f"| `{name}` | {_default(field)} | {what} |"


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return ""
    value = field.default
    if value is None:
        return "none"
    if isinstance(value, Document):
        return "the defaults below"
    if value == "":
        return "empty"
    return f"`{canonical_json(value).decode()}`".replace('"', "")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(field_page(), encoding="utf-8")
