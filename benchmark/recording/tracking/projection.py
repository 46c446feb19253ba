"""MLflow as a log for people: a projection of records, idempotent, rebuilt from them at any time. Knows no torch.

One experiment per specification, one parent run per evaluation, one child per run. Nothing is ever ranked from here: a
metric typed into MLflow by hand changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import SQLAlchemyError

from benchmark.recording.archive import RejectedRecord, each_record
from benchmark.recording.record import EvaluationRecord, RunRecord
from benchmark.recording.record_files import content_sha256
from benchmark.recording.tracking.address import ARTIFACTS_FOLDER, tracking_uri
from benchmark.recording.tracking.calls import runs_tagged, show_by_calls
from benchmark.recording.tracking.rows import show_in_rows
from benchmark.recording.tracking.shown import EVALUATION_TAG, RUN_OF_PARENT_TAG, child_name, seed_digits, shown
from benchmark.recording.tracking.store import open_client, patience
from benchmark.settings import read_settings

_ANSWER_S = 5
"""Seconds to wait for a server's first answer. MLflow's own patience is minutes, in which an evaluation would hang."""
_TRANSFER_S, _RETRIES = 60, 2
"""Seconds that a server which has answered may take for one request, and how often a request is tried again."""
_LOOK_UP_S = 3
"""Seconds to wait for a server where only a link is wanted."""
AT_ONCE = 20
"""Records in one transaction, which is no longer than other programs wait for the database."""
_MAX_CURVES = 16

_OF_DRIVER = re.compile(r"^\([\w.]+\) ")
"""How the words of a database begin: `(sqlite3.OperationalError) database is locked`."""

_KIND_TAG, _KIND = "mlflow.experimentKind", "custom_model_development"
"""With this tag MLflow opens an experiment in its view of runs, and not in the one for language models."""


def project(record: EvaluationRecord, path: Path, home: Path) -> str:
    """Bring MLflow up to date with a record.

    Args:
        record: what to show.
        path: where the record is; it and the files beside it become artifacts of the parent run.
        home: folder of the default store and its artifacts.

    Returns:
        The id of the parent run. A record that is there already is left alone; an older version of it is replaced, and
        so is what an earlier version of the projection showed of it.

    Raises:
        MlflowException: MLflow does not answer, or its database cannot be made, is locked or cannot be written.
    """
    with _opened(home) as (display, is_replaced):
        others = each_record(home / "records") if is_replaced else ()
        good = (each for each in others if not isinstance(each, RejectedRecord))
        *_, (run_id, _) = display.show(chain(good, [(record, path)]))
    return run_id


@dataclass(frozen=True)
class Rebuilt:
    """What `rebuild` did.

    Attributes:
        num_records: how many records MLflow shows.
        num_written: how many of these it did not show before, or not as they are.
    """

    num_records: int
    num_written: int


def rebuild(records: Iterable[tuple[EvaluationRecord, Path]], home: Path) -> Rebuilt:
    """Project every record.

    Raises:
        MlflowException: MLflow does not answer, or its database cannot be made, is locked or cannot be written.
    """
    with _opened(home) as (display, _):
        written = [is_written for _, is_written in display.show(records)]
    return Rebuilt(len(written), sum(written))


@contextmanager
def _opened(home: Path) -> Generator[tuple[_Display, bool]]:
    """Open MLflow's store, and tell whether a damaged one was replaced; within, one request may take a while.

    Raises:
        MlflowException: whatever went wrong with MLflow or its database, in one sentence without the statement.
    """
    try:
        with patience(_ANSWER_S):
            client, is_replaced = open_client(home)
        with patience(_TRANSFER_S, _RETRIES):
            yield _Display(client, home), is_replaced
    except (MlflowException, SQLAlchemyError) as error:
        raise MlflowException(_sentence(error)) from error


def _sentence(error: MlflowException | SQLAlchemyError) -> str:
    """Return what went wrong; of a database, without the statement and its parameters, which fill pages."""
    said = error.message if isinstance(error, MlflowException) else str(error)
    return _OF_DRIVER.sub("", said.partition("\n[SQL: ")[0]).strip()


def writes_rows(uri: str) -> bool:
    """Return whether rows are written directly: into SQLite, which is tested; any other store is told by calls."""
    return uri.startswith("sqlite")


class _Display:
    """MLflow's store, open, with the experiments that were looked up in it."""

    def __init__(self, client: MlflowClient, home: Path) -> None:
        self._client = client
        self._home = home
        self._experiments: dict[str, Experiment] = {}
        uri = tracking_uri(home)
        self._store = SqlAlchemyStore(uri, (home / ARTIFACTS_FOLDER).absolute().as_uri()) if writes_rows(uri) else None

    def show(self, records: Iterable[tuple[EvaluationRecord, Path]]) -> Iterator[tuple[str, bool]]:
        """Show records; yields of each the id of its parent run, and whether anything was written."""
        left = ((self._experiment(record), shown(record, path, content_sha256(path))) for record, path in records)
        if self._store is None:
            for experiment, evaluation in left:
                yield show_by_calls(self._client, experiment.experiment_id, evaluation)
            return
        while some := list(islice(left, AT_ONCE)):
            yield from show_in_rows(self._store, some)

    def _experiment(self, record: EvaluationRecord) -> Experiment:
        name = record.spec_identity
        if name not in self._experiments:
            self._experiments[name] = _experiment(self._client, name, self._home)
        return self._experiments[name]


@dataclass(frozen=True)
class Projected:
    """Where MLflow shows an evaluation. The ids are MLflow's own words: good for a link, never for a number.

    Attributes:
        experiment_id: of the specification.
        run_id: of the parent run.
        curves: child runs whose training losses tell the story: one model dense, and pruned furthest by every schedule.
    """

    experiment_id: str
    run_id: str
    curves: tuple[str, ...]


def find(record: EvaluationRecord, home: Path) -> Projected | None:
    """Look up where MLflow shows a record; None where it does not. Asks a server once and does not wait long.

    Raises:
        MlflowException: MLflow does not answer, or its database is locked by another program.
    """
    with patience(_LOOK_UP_S):
        return _find(MlflowClient(tracking_uri(home)), record)


def _find(client: MlflowClient, record: EvaluationRecord) -> Projected | None:
    experiment = client.get_experiment_by_name(record.spec_identity)
    if experiment is None or not re.fullmatch(r"[\w-]+", record.evaluation_key):
        return None
    parents = runs_tagged(client, experiment.experiment_id, EVALUATION_TAG, record.evaluation_key)
    if not parents:
        return None
    parent = max(parents, key=lambda run: run.info.start_time).info.run_id
    seed, wanted = record.runs[0].seed if record.runs else 0, set(_informative_runs(record))
    its_models = f"tags.`{RUN_OF_PARENT_TAG}` = '{parent}' and params.seed = '{seed}'"
    children = client.search_runs([experiment.experiment_id], its_models)
    curves = sorted(run.info.run_id for run in children if run.info.run_name in wanted)
    return Projected(experiment.experiment_id, parent, tuple(curves[:_MAX_CURVES]))


def _informative_runs(record: EvaluationRecord) -> Iterator[str]:
    """Name the runs of the first model that show most: the sparsest one of every schedule, the dense one among them."""
    digits = seed_digits(record)
    deepest: dict[tuple[str, str], RunRecord] = {}
    for run in record.runs:
        before = deepest.setdefault((run.task, run.schedule), run)
        if run.seed == record.runs[0].seed and run.sparsity > before.sparsity:
            deepest[run.task, run.schedule] = run
    yield from (child_name(run, digits) for run in deepest.values())


def _experiment(client: MlflowClient, name: str, home: Path) -> Experiment:
    """Return the experiment of a specification, made where there is none, shown among experiments that train models."""
    found = client.get_experiment_by_name(name)
    if found is None:
        found = _create_experiment(client, name, home)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if _KIND_TAG not in found.tags:
        client.set_experiment_tag(found.experiment_id, _KIND_TAG, _KIND)
    return found


def _create_experiment(client: MlflowClient, name: str, home: Path) -> Experiment:
    local = not read_settings().mlflow_tracking_uri
    location = (home / ARTIFACTS_FOLDER / name).as_uri() if local else None
    try:
        return client.get_experiment(client.create_experiment(name, location, {_KIND_TAG: _KIND}))
    except MlflowException:
        found = client.get_experiment_by_name(name)  # another process was faster
        if found is None:
            raise
        return found
