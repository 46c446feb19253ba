"""Documents from files: which benchmark a name means, and every problem of a document with its line.

It refuses to open anything but regular files of bounded size.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from benchmark.spec.base import Problem
from benchmark.spec.benchmark_spec import BenchmarkSpec, Task
from benchmark.spec.datasets import ImageFolder
from benchmark.spec.validation import DOCUMENT, DocumentT, InvalidDocument, parse_document
from benchmark.spec.wording import nearest_word, quoted
from benchmark.spec.yaml_text import MAX_BYTES, YamlText, read_yaml

__all__ = ["InvalidDocument", "load_spec", "parse_document", "read_document", "shipped_specs"]

_SHIPPED = Path(__file__).parents[1] / "specs"


def shipped_specs() -> tuple[str, ...]:
    """List the names of the benchmarks that come with the project."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def load_spec(name_or_path: str) -> BenchmarkSpec:
    """Load a benchmark document.

    Args:
        name_or_path: name of a shipped benchmark (`digits`), which wins, or else the path of a YAML file.

    Raises:
        InvalidDocument: there is no such document, or with everything that is wrong in it, each with file and line.
    """
    if name_or_path in shipped_specs():
        return read_document(BenchmarkSpec, _read_file(_SHIPPED / f"{name_or_path}.yaml"), f"{name_or_path}.yaml")
    if re.fullmatch(r"[\w-]*", name_or_path) and not Path(name_or_path).is_file():
        known = shipped_specs()
        expected = f"a shipped benchmark ({', '.join(known)}) or the path of a YAML file"
        raise InvalidDocument([Problem("spec", expected, quoted(name_or_path), nearest_word(name_or_path, known))])
    spec = read_document(BenchmarkSpec, _read_file(Path(name_or_path)), name_or_path)
    return _with_paths_beside(spec, Path(name_or_path).absolute().parent)


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
        InvalidDocument: with the problems of the YAML text and those of the document together.
    """
    text = read_yaml(data, max_bytes)
    problems, parsed = list(text.problems), None
    if "" not in text.unread:
        try:
            parsed = parse_document(model, text.value)
        except InvalidDocument as error:
            problems += [problem for problem in error.problems if not _is_unread(problem.where, text)]
    if problems or parsed is None:
        problems.sort(key=lambda problem: _line(problem, text))
        raise InvalidDocument([_located(problem, text, file) for problem in problems])
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
    return Problem(where, problem.expected, problem.came, problem.nearest)


def _read_file(path: Path) -> bytes:
    """Read a regular file, at most one byte more than is permitted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "an impossible path"
        raise InvalidDocument([Problem(quoted(str(path)), "a readable file", reason)]) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidDocument([Problem(quoted(str(path)), "a regular file", "a directory, pipe or device")])
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
