"""What jobs ask Slurm for: `executor.yaml` in the home, and `FMN_SLURM_*` variables, which win."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from benchmark.files.bounded import RefusedFile, read_regular
from benchmark.machine import LIBRARIES
from benchmark.settings import read_settings
from benchmark.spec import Problem, UserError
from benchmark.spec.base import Document
from benchmark.spec.canonical import digest
from benchmark.spec.documents.loading import read_document
from benchmark.spec.documents.validation import InvalidDocumentError, parse_document

OPTIONS_FILE = "executor.yaml"
"""Name of the document in a home."""

_MAX_BYTES = 64 << 10


class SlurmOptions(Document):
    """What is asked of Slurm. What is not given is left to the site."""

    partition: str | None = None
    """Partition, or several with commas."""
    account: str | None = None
    """Account that is charged."""
    qos: str | None = None
    """Quality of service."""
    constraint: str | None = None
    """Features that nodes must have; states are named by what they compute on, so all nodes must be alike."""
    gres: str | None = None
    """Generic resources of a trainer, for instance `gpu:1`, which is the default with DEVICE=cuda."""
    memory: Annotated[str, Field(pattern=r"^[0-9]+[KMGT]?$")] | None = None
    """Memory of a trainer, as Slurm spells it: `4G`."""
    time: Annotated[int, Field(ge=1)] = 240
    """Time limit of a job in minutes, or the partition's if that is less; longer work goes on in a requeued job."""
    jobs_at_once: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Most jobs in the queue at the same time; less than the site lets a user submit."""
    scoring_cpus: Annotated[int, Field(ge=1)] = 4
    """Processors of a scoring job."""
    scoring_memory: Annotated[str, Field(pattern=r"^[0-9]+[KMGT]?$")] | None = None
    """Memory of a scoring job."""
    container: Literal["podman", "apptainer"] | None = None
    """What runs submitted code in containers of the trainer's image on the nodes; without it, nothing isolates it."""
    image: str | None = None
    """Podman: name of an image that every node has. Apptainer: absolute path of an image file that all nodes see."""


class _ExecutorDocument(Document):
    """`executor.yaml`."""

    slurm: SlurmOptions = SlurmOptions()
    """What jobs ask Slurm for."""


def read_options(root: Path) -> SlurmOptions:
    """Read the options that hold in a home.

    Raises:
        UserError: with every problem of the document or of the variables.
    """
    path = root / OPTIONS_FILE
    try:
        written = read_document(_ExecutorDocument, read_regular(path, _MAX_BYTES), str(path)).slurm
    except FileNotFoundError:
        written = SlurmOptions()
    except (OSError, RefusedFile) as error:
        raise UserError([Problem(str(path), "a YAML document", str(error))]) from error
    options = _with_variables(written, read_settings().slurm)
    _demand_image(options)
    return options


def _demand_image(options: SlurmOptions) -> None:
    where = f"`image` in {OPTIONS_FILE} or {_variable('image')}"
    if options.image is not None and options.container is None:
        raise UserError([Problem(where, "`container` beside `image`", f"{options.image!r} alone")])
    if options.container == "apptainer" and not Path(options.image or "").is_absolute():
        raise UserError([Problem(where, "the absolute path of an image file with apptainer", repr(options.image))])


def node_key(options: SlurmOptions, device: str, code: str | None = None) -> str:
    """Return a name for the nodes that jobs get: what a node says of itself is remembered by it.

    Args:
        options: of the home.
        device: `cpu` or `cuda`.
        code: digest of the code in the image, where programs run in containers.
    """
    asked = options.model_dump(include={"partition", "constraint", "gres", "qos", "account"})
    if code is not None:
        asked |= options.model_dump(include={"container", "image"}) | {"code": code}
    versions = {name: version(name) for name in LIBRARIES}
    return digest({"device": device, "options": asked, "versions": versions, "python": sys.version})[:16]


def _with_variables(written: SlurmOptions, variables: Mapping[str, str]) -> SlurmOptions:
    """Let variables, by the name of the option, win over what is written."""
    given = {name: _typed(name, value) for name, value in variables.items() if value}
    raw = {**written.model_dump(exclude_none=True), **given}
    try:
        return parse_document(SlurmOptions, raw)
    except InvalidDocumentError as error:
        named = [Problem(_variable(each.where), each.expected, each.got, each.nearest) for each in error.problems]
        raise UserError(named) from error


def _typed(name: str, value: str) -> str | int:
    """Return a number where the option is one: a variable is always text."""
    is_number = SlurmOptions.model_fields[name].annotation is int
    return int(value) if is_number and value.isascii() and value.isdecimal() and len(value) < 10 else value


def _variable(option: str) -> str:
    return f"FMN_SLURM_{option.upper()}"
