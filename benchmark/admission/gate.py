"""The gate: a submission's directory, read as hostile bytes, judged, and copied. Nothing of it is executed.

It refuses everything that is not a small tree of plain text files. What runs later is the copy of what was hashed here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from benchmark.admission.directory import DirectoryText, read_directory
from benchmark.admission.hidden_data import code_warnings, literal_warnings, text_warnings
from benchmark.admission.manifest import Manifest, read_manifest
from benchmark.admission.source import method_problems, parse_source
from benchmark.spec.base import Problem
from benchmark.spec.canonical import digest
from benchmark.spec.documents.loading import InvalidDocumentError
from benchmark.spec.documents.wording import quoted

MANIFEST, METHOD_FILE = "submission.yaml", "method.py"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MOST_WARNINGS = 100


@dataclass(frozen=True)
class Admitted:
    """A submission that may run.

    Attributes:
        name: its name, from the manifest.
        manifest: what it says about itself.
        code_digest: sha256 over names and contents of all files but the manifest.
        directory: the private copy, the only one that is ever executed.
        warnings: what a reviewer should look at, as `method.py:12: what`.
    """

    name: str
    manifest: Manifest
    code_digest: str
    directory: Path
    warnings: tuple[str, ...]

    def under(self, specification_name: str) -> Admitted:
        """Return this submission with the hyperparameters that hold under one specification."""
        return replace(self, manifest=self.manifest.under(specification_name))

    def with_hyperparameters(self, values: Mapping[str, bool | int | float | str]) -> Admitted:
        """Return this submission with the hyperparameters of an evaluation in place of its manifest's, everywhere."""
        changed = {"hyperparameters": dict(values), "overrides": {}, "specification_overrides": {}}
        return replace(self, manifest=self.manifest.model_copy(update=changed))


def admit(directory: Path, into: Path) -> Admitted:
    """Check a submission, and copy it when it can be run.

    Read are at most 64 regular files of UTF-8 text, 256 KiB in all, in at most 4 levels of folders. `__pycache__` is
    passed over; links (hard ones too), pipes, sockets, devices, hidden files and odd names are refused unopened.

    Args:
        directory: the submission as its author made it.
        into: where to copy it; made here, or empty.

    Raises:
        InvalidDocumentError: with everything wrong with the submission; nothing is copied.
        FileExistsError: `into` is not an empty directory.
    """
    text = read_directory(directory)
    problems, cautions = list(text.problems), list[str]()
    problems += _missing_files(text)
    manifest = _judge_manifest(text.files, problems)
    trees: dict[str, ast.Module] = {}
    for name, data in sorted(text.files.items()):
        cautions += _judge_file(name, data, problems, trees)
    cautions += code_warnings({name: text.files[name].decode() for name in trees}, trees)
    if problems or manifest is None:
        raise InvalidDocumentError(problems)
    _write_copy(text.files, into)
    warnings = tuple(cautions[:_MOST_WARNINGS])
    return Admitted(manifest.name, manifest, _code_digest(text.files), into, warnings)


def submission_digest(manifest: Manifest, code_digest: str, dataset_name: str) -> str:
    """Name everything about a submission that can change what it trains on one dataset.

    Name, authors, description, paper and the overrides for other datasets and specifications are left out: editing them
    retrains nothing.

    Returns:
        sha256 as 64 hexadecimal digits.
    """
    return digest(
        {
            "code": code_digest,
            "supervision": manifest.supervision,
            "hyperparameters": manifest.resolved(dataset_name),
        }
    )


def _code_digest(files: dict[str, bytes]) -> str:
    return digest({name: sha256(data).hexdigest() for name, data in files.items() if name != MANIFEST})


def _missing_files(text: DirectoryText) -> Iterator[Problem]:
    """Yield the files that must be there and are not, unless it was said already why they were not read."""
    refused = {problem.where for problem in text.problems}
    for name in (MANIFEST, METHOD_FILE):
        if text.complete and name not in text.files and name not in refused:
            yield Problem(name, "this file in every submission", "nothing (the file is missing)")


def _judge_manifest(files: dict[str, bytes], problems: list[Problem]) -> Manifest | None:
    try:
        return read_manifest(files[MANIFEST]) if MANIFEST in files else None
    except InvalidDocumentError as error:
        problems += error.problems
        return None


def _judge_file(name: str, data: bytes, problems: list[Problem], trees: dict[str, ast.Module]) -> Iterator[str]:
    """Yield what to review in a file; add what is wrong with it to `problems`, and Python that parses to `trees`.

    The manifest is judged elsewhere.
    """
    refusal = None if name == MANIFEST else _text_problem(name, data)
    if refusal:
        problems.append(refusal)
        return
    yield from text_warnings(name, data.decode(errors="replace"))
    if name.endswith(".py"):
        parsed = parse_source(name, data)
        if parsed.problem:
            problems.append(parsed.problem)
        if parsed.tree:
            trees[name] = parsed.tree
            problems += method_problems(name, parsed.tree) if name == METHOD_FILE else ()
            yield from literal_warnings(name, parsed.tree)


def _text_problem(name: str, data: bytes) -> Problem | None:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Problem(f"{name}:{line}", "UTF-8 text", f"the byte 0x{data[error.start]:02x}")
    control = _CONTROL.search(text)
    if control is None:
        return None
    line = text.count("\n", 0, control.start()) + 1
    return Problem(f"{name}:{line}", "text", f"the control character {quoted(control.group())}")


def _write_copy(files: dict[str, bytes], into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise FileExistsError(f"{into}: expected an empty directory for the copy of a submission")
    for name, data in files.items():
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
