"""From plain data to a document: every problem at once, in plain words.

Pydantic judges single values; this module walks the models, so that one wrong field hides no other, and cross-field
checks run on whatever parsed. It refuses to read files and to know any particular document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from benchmark.printable import counted
from benchmark.spec.base import Document, Problem, UserError
from benchmark.spec.documents.fields import Limits, choices, members, scalar_kinds, without_none
from benchmark.spec.documents.scalars import UnreadableValueError, read_scalar
from benchmark.spec.documents.wording import expectation, nearest_word, one_of, path_to, quoted, shown

DocumentT = TypeVar("DocumentT", bound=Document)

DOCUMENT = "document"
"""What messages call a document as a whole."""

_MOST_PROBLEMS = 100


class InvalidDocumentError(UserError):
    """A document that cannot be used, with everything that is wrong with it, in the order of the document."""


def parse_document(model: type[DocumentT], raw: Any, where: str = "") -> DocumentT:
    """Validate plain data as a document.

    Args:
        model: what the data should be; its fields may be plain values, literals, documents, unions of documents with a
            discriminator, and tuples, lists and dicts of these.
        raw: dicts with text keys, lists, str, int, Decimal, float, bool, None, as YAML or JSON give them. Decimal
            fields also accept numbers written as text, which is how canonical JSON stores them.
        where: path of `raw` in a larger document, put before every path in messages.

    Raises:
        InvalidDocumentError: with every problem: unknown and missing keys, wrong types, values out of range, unknown
            choices, and contradictions among the fields that did parse.
    """
    problems: list[Problem] = []
    try:
        parsed = _document(model, raw, where, problems)
    except _TooManyProblemsError:
        parsed = _UNPARSED
        problems.append(Problem(where or DOCUMENT, "a document of this kind", f"more than {_MOST_PROBLEMS} mistakes"))
    if problems:
        raise InvalidDocumentError(problems)
    return cast(DocumentT, parsed)


class _TooManyProblemsError(Exception):
    """Stops the walk through a document that is wrong everywhere."""


_UNPARSED: Any = object()
"""Stands for a value that could not be read; never leaves this module."""


def _add(problems: list[Problem], where: str, expected: str, got: str, nearest: str | None = None) -> Any:
    if len(problems) >= _MOST_PROBLEMS:
        raise _TooManyProblemsError
    problems.append(Problem(where or DOCUMENT, expected, got, nearest))
    return _UNPARSED


def _document(model: type[Document], raw: Any, where: str, problems: list[Problem]) -> Any:
    if not isinstance(raw, Mapping):
        return _add(problems, where, f"a mapping with the keys {', '.join(model.model_fields)}", shown(raw))
    entries = cast(Mapping[str, Any], raw)
    tag = _wrong_tag(model, entries)
    if tag is not None:  # another kind of document: its other keys are not ours to judge
        _value(model.model_fields[tag], entries[tag], path_to(where, tag), problems)
        return _UNPARSED
    before = len(problems)
    suggested = _unknown_keys(model, entries, where, problems)
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        value = _field(name, field, entries, where, problems, suggested)
        if value is not _UNPARSED:
            values[name] = value
    known_values = {name: _with_gaps(value) for name, value in values.items()}
    for problem in model.contradictions(known_values):
        _add(problems, _joined(where, problem.where), problem.expected, problem.got, problem.nearest)
    return _UNPARSED if len(problems) > before else _construct(model, values, where, problems)


def _wrong_tag(model: type[Document], entries: Mapping[str, Any]) -> str | None:
    """Find a required single-choice field (`name: digits`) that says that these entries are something else."""
    for name, field in model.model_fields.items():
        options = choices(field.annotation)
        if field.is_required() and len(options) == 1 and name in entries and entries[name] != options[0]:
            return name
    return None


def _unknown_keys(model: type[Document], entries: Mapping[str, Any], where: str, problems: list[Problem]) -> set[str]:
    """Report keys the model does not have; return the absent keys they probably stand for."""
    known, suggested = tuple(model.model_fields), set[str]()
    for key in entries:
        if key in known:
            continue
        nearest = nearest_word(str(key), (name for name in known if name not in entries))
        suggested |= {nearest} if nearest else set[str]()
        _add(problems, path_to(where, str(key)), one_of(known), f"the unknown key {quoted(str(key))}", nearest)
    return suggested


def _field(
    name: str, field: FieldInfo, entries: Mapping[str, Any], where: str, problems: list[Problem], suggested: set[str]
) -> Any:
    if name in entries:
        return _value(field, entries[name], path_to(where, name), problems)
    if not field.is_required():
        return field.get_default(call_default_factory=True, validated_data={})
    if name in suggested:  # reported once already, as the misspelt key
        return _UNPARSED
    return _add(problems, path_to(where, name), expectation(field), "nothing (the key is missing)")


def _value(field: FieldInfo, raw: Any, where: str, problems: list[Problem]) -> Any:
    annotation: Any = field.annotation
    if type(None) in scalar_kinds(annotation):
        if raw is None:
            return None
        field = without_none(field)
        annotation = field.annotation
    if field.discriminator:
        return _tagged(field, raw, where, problems)
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return _document(annotation, raw, where, problems)
    if get_origin(annotation) in (tuple, list):
        return _sequence(field, raw, where, problems)
    if get_origin(annotation) is dict:
        return _mapping(field, raw, where, problems)
    return _scalar(field, raw, where, problems)


def _tagged(field: FieldInfo, raw: Any, where: str, problems: list[Problem]) -> Any:
    known, tag_name = members(field), str(field.discriminator)
    if not isinstance(raw, Mapping):
        return _add(problems, where, expectation(field), shown(raw))
    entries = cast(Mapping[str, Any], raw)
    tag = entries.get(tag_name)
    if isinstance(tag, str) and tag in known:
        return _document(known[tag], entries, where, problems)
    got = shown(tag) if tag_name in entries else "nothing (the key is missing)"
    nearest = nearest_word(tag, known) if isinstance(tag, str) else None
    return _add(problems, path_to(where, tag_name), one_of(known), got, nearest)


def _sequence(field: FieldInfo, raw: Any, where: str, problems: list[Problem]) -> Any:
    if not isinstance(raw, list | tuple):
        return _add(problems, where, expectation(field), shown(raw))
    entries, limits, item_types = cast(list[Any], raw), Limits.of(field), get_args(field.annotation)
    fixed = get_origin(field.annotation) is tuple and item_types[-1] is not Ellipsis
    low, high = (len(item_types), len(item_types)) if fixed else (limits.min_length or 0, limits.max_length)
    if len(entries) < low or (high is not None and len(entries) > high):
        length = Limits(min_length=low, max_length=high).length
        noun = "entry" if length.split()[-1] == "1" else "entries"
        _add(problems, where, f"a list of {length} {noun}", counted(len(entries), "entry"))
        entries = entries[:high]
        if fixed:
            return _UNPARSED
    types = item_types if fixed else (item_types[0],) * len(entries)
    parsed = [
        _value(FieldInfo.from_annotation(kind), entry, path_to(where, position), problems)
        for position, (kind, entry) in enumerate(zip(types, entries, strict=True))
    ]
    return tuple(parsed) if get_origin(field.annotation) is tuple else parsed


def _mapping(field: FieldInfo, raw: Any, where: str, problems: list[Problem]) -> Any:
    if not isinstance(raw, Mapping):
        return _add(problems, where, "a mapping", shown(raw))
    entries, limits = cast(Mapping[Any, Any], raw), Limits.of(field)
    if limits.max_length is not None and len(entries) > limits.max_length:
        return _add(problems, where, f"at most {limits.max_length} keys", f"{len(entries)} keys")
    key_type, value_type = (FieldInfo.from_annotation(kind) for kind in get_args(field.annotation))
    parsed: dict[Any, Any] = {}
    for key, entry in entries.items():
        try:
            read_scalar(key_type, key)
        except UnreadableValueError as error:
            _add(problems, where, f"keys that are {error.expected}", f"the key {error.got}", error.nearest)
        parsed[key] = _value(value_type, entry, path_to(where, str(key)), problems)
    return parsed


def _scalar(field: FieldInfo, raw: Any, where: str, problems: list[Problem]) -> Any:
    try:
        return read_scalar(field, raw)
    except UnreadableValueError as error:
        return _add(problems, where, error.expected, error.got, error.nearest)


def _with_gaps(value: Any) -> Any:
    """Put None where an entry of a list or dict did not parse, as `Document.contradictions` is promised."""
    if isinstance(value, tuple | list):
        entries = cast(list[Any], value)
        return tuple(None if entry is _UNPARSED else _with_gaps(entry) for entry in entries)
    if isinstance(value, dict):
        mapping = cast(dict[str, Any], value)
        return {key: None if entry is _UNPARSED else _with_gaps(entry) for key, entry in mapping.items()}
    return value


def _joined(where: str, inner: str) -> str:
    return f"{where}.{inner}" if where and inner and not inner.startswith("[") else where + inner


def _construct(model: type[Document], values: dict[str, Any], where: str, problems: list[Problem]) -> Any:
    """Build the model; its own validators may still object to what every field accepts."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False):
            inner = ""
            for part in detail["loc"]:
                inner = path_to(inner, part)
            expected = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
            _add(problems, _joined(where, inner), expected, shown(detail["input"]))
        return _UNPARSED
