"""The status of an evaluation that has no record yet: a small file that is overwritten, never evidence, never ranked.

It owns the file's layout. Whether its writer still lives is not in it: the claim of the evaluation says so, which its
dispatcher holds (`benchmark.store.claims`). It refuses to keep a status durable: one that is lost is written again
within a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmark.files.atomic import write_atomically
from benchmark.spec.canonical import digest

STATUS_FOLDER, LOCK_FILE, CLAIMS_FOLDER = "status", ".lock", "claims"
"""Under a home: one file per evaluation, the lock that its dispatchers share, and what each of them holds."""
EVALUATION_CLAIM = "evaluation-"
"""Beginning of the name of an evaluation's claim; the name of its status follows."""

MAX_STATUS_BYTES = 8192
MAX_TEXT_CHARACTERS = 200
_Count = Annotated[int, Field(ge=0, le=2**53)]
_Seconds = Annotated[float, Field(ge=0, le=2**53, allow_inf_nan=False)]
_Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]


class EvaluationStatus(BaseModel):
    """How far an evaluation is; texts in it are a user's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    status_version: Literal[1] = 1
    submission: _Text
    """Name of the submission."""
    spec_identity: _Text
    """`name-version` of the specification."""
    stage: Literal["training", "scoring"]
    """Where it is."""
    runs: _Count
    """Runs whose final state is stored."""
    total_runs: _Count
    """Runs of the whole evaluation."""
    updates: _Count
    """Updates made, those of earlier calls included."""
    total_updates: _Count
    """Updates of the whole evaluation."""
    left_s: _Seconds | None
    """Seconds that the stage is expected to take yet; None where that is not known."""
    scoring_s: _Seconds | None
    """Seconds of scoring that come after training, as in an earlier record; None where that is not known."""
    heard: _Seconds
    """When this was written, in seconds since 1970."""


@dataclass(frozen=True)
class Unfinished:
    """An evaluation without a record; interrupted where it is not running. None where its claim cannot be asked."""

    status: EvaluationStatus
    is_running: bool | None


def status_name(submission: str, spec_identity: str) -> str:
    """Name the status of a submission on a specification: what is evaluated again after a change takes its place."""
    return digest({"submission": submission, "spec": spec_identity})[:16]


def status_path(home: Path, name: str) -> Path:
    """Where the status of that name is."""
    return home / STATUS_FOLDER / f"{name}.json"


def write_status(path: Path, status: EvaluationStatus) -> None:
    """Write a status so that readers see the old or the new one.

    Without fsync, which would make trainers wait for the disk every second: after a power failure it may be gone.
    """
    write_atomically(path, status.model_dump_json().encode(), durable=False)


def of_submission(found: Sequence[Unfinished], submission: str) -> list[Unfinished]:
    """Choose what belongs to one submission."""
    return [each for each in found if each.status.submission == submission[:MAX_TEXT_CHARACTERS]]


def roughly(seconds: float) -> str:
    """Say how long something takes, as exactly as an estimate deserves.

    >>> roughly(7), roughly(100), roughly(1500), roughly(5000), roughly(400_000)
    ('7 s', '100 s', '25 min', '1.4 h', '4.6 days')
    """
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
