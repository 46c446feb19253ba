"""Documents from files: which benchmark a name means, what it builds on, and every problem of it with its line.

It refuses to open anything but regular files of bounded size.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from benchmark.files.bounded import NotRegular, read_beginning
from benchmark.spec.base import Problem
from benchmark.spec.benchmark_spec import BenchmarkSpec, Task
from benchmark.spec.datasets import ImageFolder
from benchmark.spec.documents.extension import EXTENDS, Extension, as_written, extend
from benchmark.spec.documents.validation import DOCUMENT, DocumentT, InvalidDocumentError, parse_document
from benchmark.spec.documents.wording import nearest_word, quoted, quoted_path, shown
from benchmark.spec.documents.yaml_text import MAX_BYTES, YamlText, read_yaml

__all__ = ["InvalidDocumentError", "load_spec", "parse_document", "read_document", "shipped_specs"]

_SHIPPED = Path(__file__).parents[2] / "specs"


def shipped_specs() -> tuple[str, ...]:
    """List the names of the benchmarks that come with the project."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def load_spec(name_or_path: str) -> BenchmarkSpec:
    """Load a benchmark document.

    Args:
        name_or_path: name of a shipped benchmark (`digits`), which wins, or else the path of a YAML file.

    Raises:
        InvalidDocumentError: there is no such document, or with everything wrong in it, each with file and line.
    """
    return _load(name_or_path, Path(), ())


def _load(name_or_path: str, folder: Path, above: tuple[Path, ...]) -> BenchmarkSpec:
    """Load a document that is named from within `folder`; `above` are the documents that build on it."""
    shipped = name_or_path in shipped_specs()
    below = f"{_SHIPPED / name_or_path}.yaml" if shipped else folder / Path(name_or_path).expanduser()
    path = Path(os.path.normpath(below))
    if not shipped and re.fullmatch(r"[\w-]*", name_or_path) and not path.is_file():
        known = shipped_specs()
        expected = f"a shipped benchmark ({', '.join(known)}) or the path of a YAML file"
        raise InvalidDocumentError([Problem("spec", expected, quoted(name_or_path), nearest_word(name_or_path, known))])
    file = path.name if shipped else str(path)
    text = read_yaml(_read_file(path), MAX_BYTES)
    extension = _extension(text, file, path, above)
    spec = _judged(BenchmarkSpec, text, file, extension)
    if shipped or (extension is not None and not extension.says_dataset):
        return spec
    return _with_paths_beside(spec, path.absolute().parent)


def _extension(text: YamlText, file: str, path: Path, above: tuple[Path, ...]) -> Extension | None:
    """Put a document together with the one that it builds on, if it does."""
    if not isinstance(text.value, Mapping) or EXTENDS not in text.value or EXTENDS in text.unread:
        return None
    own = cast(Mapping[str, Any], text.value)
    named, line_up = own[EXTENDS], (*above, path.resolve())
    try:
        if not isinstance(named, str):
            expected = "the name of a shipped benchmark or the path of a document"
            raise InvalidDocumentError([Problem("spec", expected, shown(named))])
        if path.resolve() in above:
            got = " > ".join(each.name for each in line_up)
            raise InvalidDocumentError([Problem("spec", "a document that does not build on itself", got)])
        base = _load(named, path.parent, line_up)
    except InvalidDocumentError as error:
        raise InvalidDocumentError([_about_base(problem, text, file) for problem in error.problems]) from None
    return extend(base, own)


def _about_base(problem: Problem, text: YamlText, file: str) -> Problem:
    """Say that the base cannot be had where it is named; what is wrong inside of it has its own place."""
    if problem.where != "spec":
        return problem
    return _located(Problem(EXTENDS, problem.expected, problem.got, problem.nearest), text, file)


def _with_paths_beside(spec: BenchmarkSpec, folder: Path) -> BenchmarkSpec:
    """Read relative paths of pictures from where the document lies; those of shipped documents stay relative."""
    tasks: list[Task] = []
    for task in spec.tasks:
        dataset = task.dataset
        if isinstance(dataset, ImageFolder):
            path = os.path.normpath(folder / Path(dataset.path).expanduser())
            task = task.model_copy(update={"dataset": dataset.model_copy(update={"path": path})})
        tasks.append(task)
    return spec.model_copy(update={"tasks": tuple(tasks)})


def read_document(model: type[DocumentT], data: bytes, file: str, max_bytes: int = MAX_BYTES) -> DocumentT:
    """Read a document of any kind from YAML.

    Args:
        model: what the document should be.
        data: the bytes of the file.
        file: what messages call the file; `where` of each problem reads `digits.yaml:12: tasks[0].encoder.width`.
        max_bytes: refuse longer files unread.

    Raises:
        InvalidDocumentError: with the problems of the YAML text and those of the document together.
    """
    return _judged(model, read_yaml(data, max_bytes), file)


def _judged(model: type[DocumentT], text: YamlText, file: str, extension: Extension | None = None) -> DocumentT:
    problems, parsed = list(text.problems), None
    if "" not in text.unread:
        value = text.value if extension is None else extension.value
        found = list(extension.problems) if extension else []
        try:
            parsed = parse_document(model, value)
        except InvalidDocumentError as error:
            found += [as_written(problem, text.value) if extension else problem for problem in error.problems]
        problems += [problem for problem in found if not _is_unread(problem.where, text)]
    if problems or parsed is None:
        problems.sort(key=lambda problem: _line(problem, text))
        raise InvalidDocumentError([_located(problem, text, file) for problem in problems])
    return parsed


def _is_unread(where: str, text: YamlText) -> bool:
    return any(where == path or where.startswith((f"{path}.", f"{path}[")) for path in text.unread)


def _line(problem: Problem, text: YamlText) -> int:
    """Find the line of a path; what is missing belongs to the line of what should contain it."""
    enclosing = problem.where
    while enclosing and enclosing not in text.lines:
        enclosing = enclosing[: max(enclosing.rfind("."), enclosing.rfind("["), 0)]
    return text.lines.get(enclosing, 0)


def _located(problem: Problem, text: YamlText, file: str) -> Problem:
    line, whole = _line(problem, text), problem.where == DOCUMENT and DOCUMENT not in text.lines
    place = f"{file}:{line}" if line else file
    where = place if whole or not problem.where else f"{place}: {problem.where}"
    return Problem(where, problem.expected, problem.got, problem.nearest)


def _read_file(path: Path) -> bytes:
    """Read a regular file, at most one byte more than is permitted."""
    try:
        return read_beginning(path, MAX_BYTES + 1)
    except NotRegular:
        problem = Problem(quoted_path(path), "a regular file", "a directory, pipe or device")
        raise InvalidDocumentError([problem]) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "an impossible path"
        raise InvalidDocumentError([Problem(quoted_path(path), "a readable file", reason)]) from None
