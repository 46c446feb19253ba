"""What MLflow shows of a record: one parent run, and one child for every run of the record. Pure; imports no MLflow.

MLflow sorts by start time, latest first, and by name. A record knows what training and scoring took in all, not when
each run trained. So the parent lasts as long as training and scoring took and ends when the record was made. Its
children divide the time of training equally among them, one after the other, the first by name as the latest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmark.recording.archive import signature_path
from benchmark.recording.record import EvaluationRecord, RunRecord
from benchmark.recording.record_files import beside
from benchmark.recording.tracking.address import PROJECTION_VERSION
from benchmark.recording.tracking.numbers import (
    Point,
    cell_table,
    child_points,
    parent_points,
    steps_of,
    summary_table,
)

EVALUATION_TAG, PARENT_TAG, CONTENT_TAG = "fmn.evaluation_key", "fmn.parent_evaluation_key", "fmn.record_sha256"
VERSION_TAG = "fmn.projection"
"""`PROJECTION_VERSION` of a parent run; runs from before there were versions have none."""

RECORD_FOLDER = "record"
"""Folder of the artifacts for the record and what lies beside it; tables stand outside, where they are seen first."""
RUN_OF_PARENT_TAG = "mlflow.parentRunId"
"""MLflow's own tag: under which run it shows another one."""

_ENDED = ("FINISHED", "FAILED")
"""Status of a run that is shown completely."""
_MAX_PARAM_CHARS = 6000
_MAX_DATASET_NAME_CHARS, _MAX_DATASET_DIGEST_CHARS = 500, 36


@dataclass(frozen=True)
class ShownRun:
    """One run of MLflow. Times are milliseconds since 1970."""

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: tuple[Point, ...]
    start_ms: int
    end_ms: int
    is_finished: bool

    @property
    def status(self) -> str:
        """How it ended, in MLflow's words."""
        return "FINISHED" if self.is_finished else "FAILED"


@dataclass(frozen=True)
class ShownDataset:
    """A dataset that a parent run names as its input; `context` is `train` or `test`."""

    name: str
    digest: str
    source: str
    context: str


@dataclass(frozen=True)
class ShownEvaluation:
    """All that MLflow shows of a record.

    Attributes:
        key: the evaluation key.
        content: sha256 of the bytes of the record.
        parent: the run of the whole evaluation; its last tag, `CONTENT_TAG`, is set when everything else is there.
        children: a run for every run of the record, ordered by name.
        datasets: inputs of the parent.
        tables: tables to be read in MLflow, by file name, as CSV.
        files: the record and what lies beside it.
    """

    key: str
    content: str
    parent: ShownRun
    children: tuple[ShownRun, ...]
    datasets: tuple[ShownDataset, ...]
    tables: Mapping[str, str]
    files: tuple[Path, ...]

    def is_shown_by(self, status: str, tags: Mapping[str, str]) -> bool:
        """Return whether a parent run with this status and these tags shows all of it, as it is today."""
        expected = {CONTENT_TAG: self.content, VERSION_TAG: str(PROJECTION_VERSION)}
        return status in _ENDED and expected.items() <= tags.items()


def shown(record: EvaluationRecord, path: Path, content: str) -> ShownEvaluation:
    """Return what MLflow is to show of a record.

    Args:
        record: the record.
        path: where it is; files beside it that are missing are left out.
        content: sha256 of its bytes.
    """
    files = (path, signature_path(path), *(beside(path, suffix) for suffix in record.attachments))
    return ShownEvaluation(
        key=record.evaluation_key,
        content=content,
        parent=_parent(record),
        children=tuple(_children(record)),
        datasets=tuple(_datasets(record)),
        tables={"summary.csv": summary_table(record), "cells.csv": cell_table(record)},
        files=tuple(file for file in files if file.exists()),
    )


def child_name(run: RunRecord, seed_digits: int = 1) -> str:
    """Name the MLflow run of a run, so that names sort by schedule, sparsity and seed.

    Args:
        run: the run.
        seed_digits: of the largest seed of its record; smaller seeds have zeros in front.
    """
    return f"{run.schedule} s={Decimal(str(run.sparsity)).normalize():f} seed={run.seed:0{seed_digits}d} {run.task}"


def seed_digits(record: EvaluationRecord) -> int:
    """Return how many digits the largest seed of a record has."""
    return len(str(max((run.seed for run in record.runs), default=0)))


def _parent(record: EvaluationRecord) -> ShownRun:
    provenance = {f"fmn.{name}": str(value) for name, value in record.provenance.items()}
    about = {"mlflow.note.content": _description(record), VERSION_TAG: str(PROJECTION_VERSION)}
    end_ms = _created_ms(record)
    took_ms = round(1000 * (record.cost.train_s + record.cost.scoring_s))
    return ShownRun(
        name=record.submission.name,
        tags={**_common_tags(record), **provenance, **about},
        params=_parent_params(record),
        points=parent_points(record, end_ms),
        start_ms=end_ms - took_ms,
        end_ms=end_ms,
        is_finished=record.is_complete,
    )


def _description(record: EvaluationRecord) -> str:
    return (
        f"{record.submission.name} on {record.spec_identity}. Numbers of the whole submission are in `summary.csv`, "
        "of every cell in `cells.csv`, of every model in the runs below; `record` holds the signed record. Runs below "
        "last an equal share of the training each, as their updates are shared."
    )


def _children(record: EvaluationRecord) -> Iterator[ShownRun]:
    digits, step_at, now_ms = seed_digits(record), steps_of(record), _created_ms(record)
    training_ms = 1000 * record.cost.train_s
    begin_ms = now_ms - training_ms - 1000 * record.cost.scoring_s
    named = sorted(((child_name(run, digits), run) for run in record.runs), key=lambda pair: pair[0])
    for place, (name, run) in enumerate(named):
        yield ShownRun(
            name=name,
            tags=_child_tags(record, run),
            params={name: str(getattr(run, name)) for name in ("task", "schedule", "sparsity", "seed")},
            points=child_points(run, now_ms, step_at[run.sparsity]),
            start_ms=round(begin_ms + training_ms * (len(named) - 1 - place) / len(named)),
            end_ms=round(begin_ms + training_ms * (len(named) - place) / len(named)),
            is_finished=run.status == "finished",
        )


def _common_tags(record: EvaluationRecord) -> dict[str, str]:
    return {
        EVALUATION_TAG: record.evaluation_key,
        "fmn.spec": record.spec_identity,
        "fmn.tier": record.tier,
        "fmn.submission": record.submission.name,
        "fmn.supervision": record.submission.supervision,
        "fmn.isolation": record.isolation,
    }


def _child_tags(record: EvaluationRecord, run: RunRecord) -> dict[str, str]:
    failure = {"fmn.failure": run.failure.reason} if run.failure else {}
    identity = {"fmn.task": run.task, "fmn.schedule": run.schedule, "fmn.state_key": run.state_key}
    tags = {**_common_tags(record), **identity, **failure}
    del tags[EVALUATION_TAG]  # names the parent alone
    return tags | {PARENT_TAG: record.evaluation_key}


def _parent_params(record: EvaluationRecord) -> dict[str, str]:
    values: dict[str, Any] = {
        "submission_digest": record.submission.digest,
        **{f"hyperparameters/{name}": value for name, value in record.submission.hyperparameters.items()},
        **{f"environment/{name}": value for name, value in record.environment.items()},
    }
    return {name: str(value)[:_MAX_PARAM_CHARS] for name, value in values.items()}


def _datasets(record: EvaluationRecord) -> Iterator[ShownDataset]:
    different: dict[tuple[str, str], ShownDataset] = {}
    for task, facts in record.datasets.items():
        for context in ("train", "test"):
            name = f"{facts['name']}-{context}"[:_MAX_DATASET_NAME_CHARS]
            digest = facts[f"{context}_digest"][:_MAX_DATASET_DIGEST_CHARS]
            different.setdefault((name, digest), ShownDataset(name, digest, task, context))
    yield from different.values()


def _created_ms(record: EvaluationRecord) -> int:
    made = datetime.strptime(record.created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return int(made.timestamp() * 1000)
