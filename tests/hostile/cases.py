"""One hostile case: a submission, files that are made for it, and the exact outcome that `expect.yaml` asks for."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

HERE = Path(__file__).parent
_NO_VARIANT = 'VARIANT = ""\n'


class SpecialFile(BaseModel):
    """A file that no repository can hold, or should, made in the copy of a submission before it is admitted."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["symlink", "hardlink", "pipe", "socket", "file", "files", "binary", "text", "folders"]
    path: str = ""
    """Where it is made, in the submission; a file of this name is replaced."""
    to: str = ""
    """What a link leads to."""
    text: str = ""
    """Content of a `text` file; one code point is one byte."""
    size: int = 0
    """Bytes of a `file`."""
    count: int = 0
    """How many empty `files` are made, or `folders` inside each other."""

    def make(self, folder: Path) -> None:
        """Make it in the folder of a submission."""
        place = folder / self.path
        if self.path:
            place.unlink(missing_ok=True)
        match self.kind:
            case "symlink":
                place.symlink_to(self.to)
            case "hardlink":
                place.hardlink_to(folder / self.to)
            case "pipe":
                os.mkfifo(place)
            case "socket":
                with socket.socket(socket.AF_UNIX) as server:
                    server.bind(str(place))
            case _:
                self._make_files(place)

    def _make_files(self, place: Path) -> None:
        match self.kind:
            case "file":
                place.write_text("x" * self.size)
            case "text":
                place.write_bytes(self.text.encode("latin-1"))
            case "files":
                for number in range(self.count):
                    (place / f"part{number}.py").write_text("")
            case "folders":
                place.joinpath(*["d"] * self.count).mkdir(parents=True)
            case _:
                place.write_bytes(b"\x80PNG")


class Expectation(BaseModel):
    """The exact outcome of a case."""

    model_config = ConfigDict(extra="forbid")

    group: str
    """Group of threats that it belongs to."""
    outcome: Literal["rejected", "failed", "finished"]
    """`rejected`: refused before anything runs; `failed`: every run failed; `finished`: every run has a score."""
    reason: str = ""
    """Reason code of all failures."""
    words: tuple[str, ...] = ()
    """Words that every message must contain."""
    dense: Literal["failed", "finished"] | None = None
    """Outcome of the dense run, if it differs."""
    make: tuple[SpecialFile, ...] = ()
    """Files that are made in the copy of the submission."""
    limits: Mapping[str, float] = {}
    """Limits of its container that differ from the constants, so that a test is quick and spares its machine."""
    twin: str | None = None
    """Case with the same weights, byte for byte."""
    twin_scores: str | None = None
    """Case with the same scores."""
    accuracy: Literal["chance"] | None = None
    """What the linear probe must measure."""
    variants: Mapping[str, Mapping[str, Any]] = {}
    """Per variant of the attack, the fields that differ. A line `VARIANT = ""` in its code gets the variant's name."""
    scored_in: Literal["container", "process"] = "process"
    """Where the scorer runs: the code is the same, and a process is seconds faster than a container."""


@dataclass(frozen=True)
class Case:
    """A folder of the suite, or one variant of it."""

    name: str
    folder: Path
    expect: Expectation
    variant: str = ""

    @property
    def id(self) -> str:
        """Name in the output of tests."""
        return f"{self.name}[{self.variant}]" if self.variant else self.name

    def copy_to(self, place: Path) -> Path:
        """Copy the submission without its expectation, and make its special files; return the copy."""
        shutil.copytree(self.folder, place, ignore=shutil.ignore_patterns("expect.yaml", "__pycache__"))
        code = (place / "method.py").read_text()
        if self.variant and _NO_VARIANT in code:
            (place / "method.py").write_text(code.replace(_NO_VARIANT, f'VARIANT = "{self.variant}"\n'))
        for each in self.expect.make:
            each.make(place)
        return place


def load_cases() -> list[Case]:
    """Return all cases, by name; a folder with variants gives one per variant."""
    return [case for path in sorted(HERE.glob("*/expect.yaml")) for case in _cases_of(path.parent)]


def _cases_of(folder: Path) -> list[Case]:
    fields = yaml.safe_load((folder / "expect.yaml").read_text())
    expect = Expectation.model_validate(fields)
    if not expect.variants:
        return [Case(folder.name, folder, expect)]
    common = {name: value for name, value in fields.items() if name != "variants"}
    return [
        Case(folder.name, folder, Expectation.model_validate(common | differs), variant)
        for variant, differs in expect.variants.items()
    ]
