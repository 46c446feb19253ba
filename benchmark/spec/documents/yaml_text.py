"""YAML as hostile text: bytes in, plain data and the line of every value out, nothing constructed on the way.

It reads the safe part of YAML 1.2: mappings, lists, text, numbers, true, false, null. It refuses tags, anchors and
aliases, duplicate keys, non-finite numbers, and unquoted words that YAML versions read differently (`no`, `1_000`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from benchmark.spec.base import Problem
from benchmark.spec.documents.decimals import written_number
from benchmark.spec.documents.wording import path_to, quoted

MAX_BYTES = 1 << 20
_MAX_VALUES = 10_000
_MAX_DEPTH = 16

_REFUSED_WORDS = (
    (re.compile(r"(?i)yes|no|on|off"), "true or false"),
    (re.compile(r"(?i)[-+]?\.?(inf|infinity|nan)"), "a finite number"),
    (
        re.compile(r"[-+]?(0[0-9_]+|0[xXoObB][0-9a-fA-F_]+|[0-9]+(_[0-9]+)+|[0-9]+(:[0-9]{1,2})+)(\.[0-9_]*)?"),
        "a number in plain decimal digits",
    ),
)
_WORDS: dict[str, bool | None] = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None, "~": None, "": None,
}  # fmt: skip
_BIDI = {*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
_CONTROL = {"Cc", "Cs", "Zl", "Zp"}


@dataclass
class YamlText:
    """What a YAML text says.

    Attributes:
        value: dicts with text keys, lists, str, int, Decimal, bool, None.
        lines: line (from 1) of every value, by path.
        problems: what is wrong with the text itself; `where` is a path, or empty for the whole text.
        unread: paths whose value could not be read, so that they are not reported twice.
    """

    value: Any = None
    lines: dict[str, int] = field(default_factory=dict[str, int])
    problems: list[Problem] = field(default_factory=list[Problem])
    unread: set[str] = field(default_factory=set[str])


class _UnreadableError(Exception):
    """Reading cannot go on: `line` from 1, or 0 where the text as a whole is meant."""

    def __init__(self, line: int, expected: str, got: str) -> None:
        super().__init__(expected)
        self.line, self.expected, self.got = line, expected, got


def read_yaml(data: bytes, max_bytes: int = MAX_BYTES) -> YamlText:
    """Read one YAML document.

    Args:
        data: the bytes of the file, UTF-8.
        max_bytes: refuse longer texts before looking at them.

    Returns:
        The data and everything wrong with the text. Where it cannot be read to its end, `unread` holds the path "".
    """
    text = YamlText()
    try:
        if len(data) > max_bytes:
            raise _UnreadableError(0, f"at most {max_bytes} bytes", f"{len(data)} bytes or more")
        _Reader(data.decode(), text).read()
    except UnicodeDecodeError as error:
        _stop(text, _UnreadableError(data.count(b"\n", 0, error.start) + 1, "UTF-8 text", "other bytes"))
    except yaml.YAMLError as error:
        _stop(text, _syntax_error(error))
    except _UnreadableError as error:
        _stop(text, error)
    return text


def _stop(text: YamlText, error: _UnreadableError) -> None:
    text.unread.add("")
    text.lines[""] = error.line
    text.problems.append(Problem("", error.expected, error.got))


def _syntax_error(error: yaml.YAMLError) -> _UnreadableError:
    line, got = 1, "something else"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        got = " ".join(part for part in (error.problem, error.context) if part) or got
    elif isinstance(error, yaml.reader.ReaderError):
        got = f"a character that YAML does not permit ({error.reason})"
    return _UnreadableError(line, "valid YAML", quoted(got)[1:-1])


class _Reader:
    """Builds plain data from parser events; every limit is met before anything large exists."""

    def __init__(self, source: str, text: YamlText) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[yaml.Event] = yaml.parse(source, Loader=loader)
        self._text = text
        self._num_values = 0

    def read(self) -> None:
        next(self._events)  # stream start
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            return
        self._text.value = self._value(next(self._events), "", 0)
        next(self._events)  # document end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _UnreadableError(_line(after), "one document", "a second one")

    def _value(self, event: yaml.Event, path: str, depth: int) -> Any:
        self._text.lines.setdefault(path, _line(event))
        self._num_values += 1
        if self._num_values > _MAX_VALUES:
            raise _UnreadableError(_line(event), f"at most {_MAX_VALUES} values", "more")
        if depth > _MAX_DEPTH:
            raise _UnreadableError(_line(event), f"at most {_MAX_DEPTH} levels of nesting", "more")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._refuse(path, "the value written out (anchors and aliases are not read)", "an anchor or alias")
        elif getattr(event, "tag", None):
            self._refuse(path, "a value without a YAML tag", f"the tag {quoted(str(getattr(event, 'tag', '')))}")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        return self._scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None

    def _mapping(self, path: str, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.tag or event.anchor:
                raise _UnreadableError(_line(event), "a key that is plain text", "a list, mapping, tag or alias")
            key, line = event.value, _line(event)
            key_path = path_to(path, key)
            if key in mapping:
                self._add(key_path, "every key once", f"a second one on line {line}")
                self._value(next(self._events), f"{key_path} again on line {line}", depth + 1)
                continue
            self._text.lines[key_path] = line
            if self._forbidden_characters(key):
                self._refuse(key_path, "a key without control characters", quoted(key))
            mapping[key] = self._value(next(self._events), key_path, depth + 1)
        return mapping

    def _sequence(self, path: str, depth: int) -> list[Any]:
        sequence: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            sequence.append(self._value(event, path_to(path, len(sequence)), depth + 1))
        return sequence

    def _scalar(self, event: yaml.ScalarEvent, path: str) -> str | int | Decimal | bool | None:
        word = event.value
        if self._forbidden_characters(word):
            return self._refuse(path, "text without control characters", quoted(word))
        if not event.implicit[0]:  # quoted or block text
            return word
        for ambiguous, expected in _REFUSED_WORDS:
            if ambiguous.fullmatch(word):
                return self._refuse(path, f"{expected}, or quotes around text", word)
        try:
            number = written_number(word)
        except ValueError as error:
            return self._refuse(path, str(error), quoted(word))
        return number if number is not None else _WORDS.get(word, word)

    def _forbidden_characters(self, word: str) -> bool:
        if word.isascii() and word.isprintable():
            return False
        return any(map(_is_forbidden, word))

    def _refuse(self, path: str, expected: str, got: str) -> None:
        self._text.unread.add(path)
        self._add(path, expected, got)

    def _add(self, path: str, expected: str, got: str) -> None:
        if len(self._text.problems) >= 100:
            raise _UnreadableError(0, "fewer than 100 mistakes", "more")
        self._text.problems.append(Problem(path, expected, got))


def _is_forbidden(character: str) -> bool:
    return character in _BIDI or (unicodedata.category(character) in _CONTROL and character not in "\n\t")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
