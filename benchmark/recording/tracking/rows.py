"""Showing a record in an SQLite database of MLflow, many rows at a time: the same rows that MLflow's own calls write.

MLflow's calls read every run again before each change, and commit each change; this takes most of a second per record.
Here some records are one transaction, so that pages of the database's indices are written once for all of them. Killed
in the middle, it leaves what was shown before.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow.entities import Experiment
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.tracking.dbmodels import models
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.time import get_current_time_millis
from mlflow.utils.uri import append_to_uri_path
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from benchmark.recording.tracking.numbers import Point
from benchmark.recording.tracking.shown import (
    CONTENT_TAG,
    EVALUATION_TAG,
    PARENT_TAG,
    RECORD_FOLDER,
    RUN_OF_PARENT_TAG,
    ShownDataset,
    ShownEvaluation,
    ShownRun,
)

Row = dict[str, Any]

_MAX_NAMES = 500
"""Of runs in one statement: SQLite permits some thousand values, in old versions 999."""


def show_in_rows(
    store: SqlAlchemyStore, evaluations: Sequence[tuple[Experiment, ShownEvaluation]]
) -> list[tuple[str, bool]]:
    """Show records in one transaction; what was shown of an earlier state of one is deleted.

    Args:
        store: an SQLite database that is complete.
        evaluations: what to show, and where its runs belong.

    Returns:
        For each the id of the parent run, and whether anything was written: not where it is shown as it is.

    Raises:
        MlflowException: the database is locked by another program, or damaged.
    """
    with store.ManagedSessionMaker(read_only=False) as session:
        there = _Shown(session, [evaluation.key for _, evaluation in evaluations])
        return [_show(session, store, there, *each) for each in evaluations]


class _Shown:
    """Which runs show some evaluations already: parents and children, by experiment and evaluation.

    MLflow has no index by the value of a tag: a question reads the tags of all runs, so that many are asked in one.
    """

    def __init__(self, session: Session, keys: Sequence[str]) -> None:
        self._session, self._keys = session, keys
        self.parents = _runs_tagged(session, EVALUATION_TAG, keys)
        self._children: dict[tuple[int, str], list[str]] | None = None

    @property
    def children(self) -> dict[tuple[int, str], list[str]]:
        """Asked for where something is written; most often nothing is."""
        if self._children is None:
            self._children = _runs_tagged(self._session, PARENT_TAG, self._keys)
        return self._children


def _show(
    session: Session, store: SqlAlchemyStore, there: _Shown, experiment: Experiment, evaluation: ShownEvaluation
) -> tuple[str, bool]:
    place = int(experiment.experiment_id), evaluation.key
    parents = there.parents.get(place, [])
    if len(parents) == 1 and _is_shown(session, parents[0], evaluation):
        return parents[0], False
    _delete(session, [*there.children.get(place, []), *parents])
    parent = uuid.uuid4().hex
    children = [uuid.uuid4().hex for _ in evaluation.children]
    last, name_of_parent = {CONTENT_TAG: evaluation.content}, {RUN_OF_PARENT_TAG: parent}
    runs = [(parent, evaluation.parent, last)]
    runs += [(child, run, name_of_parent) for child, run in zip(children, evaluation.children, strict=True)]
    _log_artifacts(_artifact_uri(experiment, parent), evaluation)
    _insert(session, models.SqlRun, [_run_row(experiment, run_id, run) for run_id, run, _ in runs])
    _insert(session, models.SqlTag, (row for each in runs for row in _tag_rows(*each)))
    _insert(session, models.SqlParam, (row for run_id, run, _ in runs for row in _param_rows(run_id, run)))
    points = ((run_id, point) for run_id, run, _ in runs for point in run.points)
    latest = ((run_id, point) for run_id, run, _ in runs for point in _latest(run.points))
    _insert_points(session, models.SqlMetric, [_point_row(store, *each) for each in points])
    _insert_points(session, models.SqlLatestMetric, [_point_row(store, *each) for each in latest])
    _insert_datasets(session, experiment, parent, evaluation.datasets)
    there.parents[place], there.children[place] = [parent], children  # two records may be of one evaluation
    return parent, True


def _runs_tagged(session: Session, tag: str, values: Sequence[str]) -> dict[tuple[int, str], list[str]]:
    """Find the ids of all runs with a tag that are not deleted, by experiment and value of the tag."""
    question = (
        select(models.SqlRun.experiment_id, models.SqlTag.value, models.SqlRun.run_uuid)
        .join(models.SqlTag, models.SqlTag.run_uuid == models.SqlRun.run_uuid)
        .where(models.SqlTag.key == tag, models.SqlTag.value.in_(values))
        .where(models.SqlRun.lifecycle_stage == "active")
    )
    found: dict[tuple[int, str], list[str]] = {}
    for experiment_id, value, run_id in session.execute(question):
        found.setdefault((experiment_id, value), []).append(run_id)
    return found


def _is_shown(session: Session, run_id: str, evaluation: ShownEvaluation) -> bool:
    tags = select(models.SqlTag.key, models.SqlTag.value).where(models.SqlTag.run_uuid == run_id)
    found = {row.key: row.value for row in session.execute(tags)}
    status = session.scalars(select(models.SqlRun.status).where(models.SqlRun.run_uuid == run_id)).one()
    return evaluation.is_shown_by(status, found)


def _delete(session: Session, run_ids: Sequence[str]) -> None:
    """Mark runs as deleted, as MLflow does."""
    deleted = {"lifecycle_stage": "deleted", "deleted_time": get_current_time_millis()}
    for start in range(0, len(run_ids), _MAX_NAMES):
        some = run_ids[start : start + _MAX_NAMES]
        session.execute(update(models.SqlRun).where(models.SqlRun.run_uuid.in_(some)).values(**deleted))


def _insert(session: Session, model: Any, rows: Iterable[Row]) -> None:
    listed = list(rows)
    if listed:
        session.execute(insert(model.__table__), listed)


def _insert_points(session: Session, model: Any, rows: list[Row]) -> None:
    """Insert points, of which there are a thousand per record, without SQLAlchemy looking at each value of each."""
    if rows:
        connection = session.connection()
        quote = connection.dialect.identifier_preparer.quote
        columns, values = ", ".join(map(quote, rows[0])), ", ".join(f":{name}" for name in rows[0])
        connection.exec_driver_sql(f"INSERT INTO {model.__tablename__} ({columns}) VALUES ({values})", rows)


def _artifact_uri(experiment: Experiment, run_id: str) -> str:
    return append_to_uri_path(experiment.artifact_location, run_id, SqlAlchemyStore.ARTIFACTS_FOLDER_NAME)


def _log_artifacts(uri: str, evaluation: ShownEvaluation) -> None:
    repository = get_artifact_repository(uri)
    with TemporaryDirectory() as folder:
        for name, text in evaluation.tables.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        repository.log_artifacts(folder)
    for file in evaluation.files:
        repository.log_artifact(str(file), RECORD_FOLDER)


def _run_row(experiment: Experiment, run_id: str, run: ShownRun) -> Row:
    return {
        "run_uuid": run_id,
        "name": run.name,
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "user_id": "unknown",
        "status": run.status,
        "start_time": run.start_ms,
        "end_time": run.end_ms,
        "deleted_time": None,
        "source_version": "",
        "lifecycle_stage": "active",
        "artifact_uri": _artifact_uri(experiment, run_id),
        "experiment_id": int(experiment.experiment_id),
    }


def _tag_rows(run_id: str, run: ShownRun, more_tags: dict[str, str]) -> Iterator[Row]:
    for key, value in {**run.tags, **more_tags, "mlflow.runName": run.name}.items():
        yield {"run_uuid": run_id, "key": key, "value": value}


def _param_rows(run_id: str, run: ShownRun) -> Iterator[Row]:
    for key, value in run.params.items():
        yield {"run_uuid": run_id, "key": key, "value": value}


def _point_row(store: SqlAlchemyStore, run_id: str, point: Point) -> Row:
    is_nan, value = store.sanitize_metric_value(point.value)
    return {"run_uuid": run_id, "key": point.key, "value": value, "timestamp": point.time_ms, "step": point.step,
            "is_nan": is_nan}  # fmt: skip


def _latest(points: Iterable[Point]) -> Iterable[Point]:
    """Return the last point of every metric, by step, then time, then value."""
    latest: dict[str, Point] = {}
    for point in points:
        there = latest.setdefault(point.key, point)
        if (point.step, point.time_ms, point.value) > (there.step, there.time_ms, there.value):
            latest[point.key] = point
    return latest.values()


def _insert_datasets(
    session: Session, experiment: Experiment, run_id: str, datasets: Sequence[ShownDataset]
) -> None:  # fmt: skip
    """Name the inputs of a run; a dataset that its experiment has already is not entered again."""
    known = select(models.SqlDataset.name, models.SqlDataset.digest, models.SqlDataset.dataset_uuid)
    known = known.where(models.SqlDataset.experiment_id == int(experiment.experiment_id))
    ids = {(name, digest): dataset_id for name, digest, dataset_id in session.execute(known)}
    new = {(each.name, each.digest): uuid.uuid4().hex for each in datasets if (each.name, each.digest) not in ids}
    inputs = [(uuid.uuid4().hex, each, (ids | new)[each.name, each.digest]) for each in datasets]
    _insert(session, models.SqlDataset, (_dataset_row(experiment, each, new[each.name, each.digest])
                                         for each in datasets if (each.name, each.digest) in new))  # fmt: skip
    _insert(session, models.SqlInput, (
        {"input_uuid": input_id, "source_type": "DATASET", "source_id": dataset_id, "destination_type": "RUN",
         "destination_id": run_id}
        for input_id, _, dataset_id in inputs
    ))  # fmt: skip
    _insert(session, models.SqlInputTag, (
        {"input_uuid": input_id, "name": "mlflow.data.context", "value": each.context} for input_id, each, _ in inputs
    ))  # fmt: skip


def _dataset_row(experiment: Experiment, dataset: ShownDataset, dataset_id: str) -> Row:
    return {"dataset_uuid": dataset_id, "experiment_id": int(experiment.experiment_id), "name": dataset.name,
            "digest": dataset.digest, "dataset_source_type": "local", "dataset_source": dataset.source}  # fmt: skip
