"""MLflow as a log for people: a projection of records, idempotent, rebuilt from them at any time. Knows no torch.

One experiment per specification, one parent run per evaluation, one child per run. Nothing is ever ranked from here: a
metric typed into MLflow by hand changes nothing. This is the only module that imports mlflow.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run
from mlflow.exceptions import MlflowException

from benchmark.recording.archive import find_records, signature_path
from benchmark.recording.mlflow_address import tracking_uri
from benchmark.recording.mlflow_store import open_client, patience
from benchmark.recording.record import EvaluationRecord, RunRecord
from benchmark.settings import read_settings

EVALUATION_TAG, PARENT_TAG, CONTENT_TAG = "fmn.evaluation_key", "fmn.parent_evaluation_key", "fmn.record_sha256"
_ENDED = ("FINISHED", "FAILED")
_ANSWER_S = 5
"""Seconds to wait for a server's first answer. MLflow's own patience is minutes, in which an evaluation would hang."""
_TRANSFER_S, _RETRIES = 60, 2
"""Seconds that a server which has answered may take for one request, and how often a request is tried again."""
_LOOK_UP_S = 3
"""Seconds to wait for a server where only a link is wanted."""
_MAX_CURVES = 16
_MAX_PARAM_CHARS = 6000
_BATCH = {"metrics": 1000, "params": 100, "tags": 100}


def project(record: EvaluationRecord, path: Path, home: Path) -> str:
    """Bring MLflow up to date with a record.

    Args:
        record: what to show.
        path: where the record is; it and the files beside it become artifacts of the parent run.
        home: folder of the default store and its artifacts.

    Returns:
        The id of the parent run. A record that is there already is left alone; an older version of it is replaced.
    """
    with patience(_ANSWER_S):
        client, is_replaced = open_client(home)
    with patience(_TRANSFER_S, _RETRIES):
        if is_replaced:
            for other, place in find_records(home / "records")[0]:
                _project(client, other, place, home)
        return _project(client, record, path, home)


def _project(client: MlflowClient, record: EvaluationRecord, path: Path, home: Path) -> str:
    experiment = _experiment(client, record.spec_identity, home)
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    parents = _runs_tagged(client, experiment, EVALUATION_TAG, record.evaluation_key)
    for run in parents:
        if len(parents) == 1 and run.data.tags.get(CONTENT_TAG) == content and run.info.status in _ENDED:
            return run.info.run_id
    for run in [*_runs_tagged(client, experiment, PARENT_TAG, record.evaluation_key), *parents]:
        client.delete_run(run.info.run_id)
    parent = _create(client, experiment, record.submission.name, _parent_tags(record), record)
    _log(client, parent, _parent_metrics(record), _parent_params(record))
    client.log_inputs(parent, list(_datasets(record)))
    client.log_artifact(parent, str(path))
    for beside in (signature_path(path), *map(path.with_suffix, record.attachments)):
        if beside.exists():
            client.log_artifact(parent, str(beside))
    step_at = sparsity_steps(_sparsities(record))
    for run in record.runs:
        child = _create(client, experiment, _child_name(run), _child_tags(record, run, parent), record)
        _log(client, child, _child_metrics(run, _milliseconds(record), step_at[run.sparsity]), _child_params(run))
        client.set_terminated(child, "FINISHED" if run.status == "finished" else "FAILED", _milliseconds(record))
    # Last of all, so that a projection that was cut off is recognised and made again.
    client.set_tag(parent, CONTENT_TAG, content)
    client.set_terminated(parent, "FINISHED" if record.is_complete else "FAILED", _milliseconds(record))
    return parent


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
    parents = _runs_tagged(client, experiment.experiment_id, EVALUATION_TAG, record.evaluation_key)
    if not parents:
        return None
    parent = max(parents, key=lambda run: run.info.start_time).info.run_id
    seed, wanted = record.runs[0].seed if record.runs else 0, set(_informative_runs(record))
    its_models = f"tags.`mlflow.parentRunId` = '{parent}' and params.seed = '{seed}'"
    children = client.search_runs([experiment.experiment_id], its_models)
    curves = sorted(run.info.run_id for run in children if run.info.run_name in wanted)
    return Projected(experiment.experiment_id, parent, tuple(curves[:_MAX_CURVES]))


def _informative_runs(record: EvaluationRecord) -> Iterator[str]:
    """Name the runs of the first model that show most: the sparsest one of every schedule, the dense one among them."""
    deepest: dict[tuple[str, str], RunRecord] = {}
    for run in record.runs:
        before = deepest.setdefault((run.task, run.schedule), run)
        if run.seed == record.runs[0].seed and run.sparsity > before.sparsity:
            deepest[run.task, run.schedule] = run
    return map(_child_name, deepest.values())


def _runs_tagged(client: MlflowClient, experiment: str, tag: str, value: str) -> list[Run]:
    """Find every run with a tag, however many pages of them there are."""
    found: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment], f"tags.`{tag}` = '{value}'", page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _experiment(client: MlflowClient, name: str, home: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return found.experiment_id
    local = not read_settings().mlflow_tracking_uri
    location = (home / "artifacts" / name).as_uri() if local else None
    try:
        return client.create_experiment(name, artifact_location=location)
    except MlflowException:
        found = client.get_experiment_by_name(name)  # another process was faster
        if found is None:
            raise
        return found.experiment_id


def _create(client: MlflowClient, experiment: str, name: str, tags: dict[str, str], record: EvaluationRecord) -> str:
    return client.create_run(experiment, _milliseconds(record), tags=tags, run_name=name).info.run_id


def _log(client: MlflowClient, run_id: str, metrics: list[Metric], params: list[Param]) -> None:
    for start in range(0, max(len(metrics), 1), _BATCH["metrics"]):
        chunk = metrics[start : start + _BATCH["metrics"]]
        client.log_batch(run_id, chunk, params[: _BATCH["params"]] if start == 0 else [])
    for start in range(_BATCH["params"], len(params), _BATCH["params"]):
        client.log_batch(run_id, params=params[start : start + _BATCH["params"]])


def _common_tags(record: EvaluationRecord) -> dict[str, str]:
    return {
        EVALUATION_TAG: record.evaluation_key,
        "fmn.spec": record.spec_identity,
        "fmn.tier": record.tier,
        "fmn.submission": record.submission.name,
        "fmn.supervision": record.submission.supervision,
        "fmn.isolation": record.isolation,
    }


def _parent_tags(record: EvaluationRecord) -> dict[str, str]:
    provenance = {f"fmn.{name}": str(value) for name, value in record.provenance.items()}
    description = {"mlflow.note.content": f"{record.submission.name} on {record.spec_identity}"}
    return {**_common_tags(record), **provenance, **description}


def _child_tags(record: EvaluationRecord, run: RunRecord, parent: str) -> dict[str, str]:
    failure = {"fmn.failure": run.failure.reason} if run.failure else {}
    identity = {"fmn.task": run.task, "fmn.schedule": run.schedule, "fmn.state_key": run.state_key}
    tags = {**_common_tags(record), **identity, **failure, "mlflow.parentRunId": parent}
    del tags[EVALUATION_TAG]  # names the parent alone
    return tags | {PARENT_TAG: record.evaluation_key}


def _child_name(run: RunRecord) -> str:
    return f"{run.schedule} s={run.sparsity:g} seed={run.seed} {run.task}"


def _parent_params(record: EvaluationRecord) -> list[Param]:
    values: dict[str, Any] = {
        "submission_digest": record.submission.digest,
        **{f"hyperparameters/{name}": value for name, value in record.submission.hyperparameters.items()},
        **{f"environment/{name}": value for name, value in record.environment.items()},
    }
    return [Param(name, str(value)[:_MAX_PARAM_CHARS]) for name, value in values.items()]


def _child_params(run: RunRecord) -> list[Param]:
    values = {"task": run.task, "schedule": run.schedule, "sparsity": run.sparsity, "seed": run.seed}
    return [Param(name, str(value)) for name, value in values.items()]


def sparsity_steps(sparsities: Iterable[float]) -> dict[float, int]:
    """Give every sparsity of a record a step of its own, in their order, for MLflow knows whole steps only.

    The step is the sparsity in percent as long as no two sparsities meet there, which is what `digits` and most other
    specifications have. Else the whole record counts in tenths of a percent, or smaller parts, until none meet: one
    axis has one unit.

    >>> sparsity_steps([0.0, 0.5, 0.98])
    {0.0: 0, 0.5: 50, 0.98: 98}
    >>> sparsity_steps([0.98, 0.99, 0.995, 0.999])
    {0.98: 980, 0.99: 990, 0.995: 995, 0.999: 999}
    """
    different = sorted(set(sparsities))
    for parts in (10**digits for digits in range(2, 18)):
        steps = {sparsity: round(parts * sparsity) for sparsity in different}
        if len(set(steps.values())) == len(different):
            return steps
    return {sparsity: place for place, sparsity in enumerate(different)}


def _sparsities(record: EvaluationRecord) -> Iterator[float]:
    yield from (cell.sparsity for cell in record.cells)
    yield from (run.sparsity for run in record.runs)


def _parent_metrics(record: EvaluationRecord) -> list[Metric]:
    """The summary, and every curve: `schedule/metric` with the sparsity as the step (`sparsity_steps`)."""
    now, step_at = _milliseconds(record), sparsity_steps(_sparsities(record))
    metrics = [
        Metric(_key(f"{name}{suffix}"), value, now, 0)
        for name, estimate in record.summary.items()
        for suffix, value in (("", estimate.value), ("/low", estimate.low), ("/high", estimate.high))
        if value is not None
    ]
    for cell in record.cells:
        step = step_at[cell.sparsity]
        metrics += [
            Metric(_key(f"{cell.task}/{cell.schedule}/{name}"), estimate.value, now, step)
            for name, estimate in cell.metrics.items()
            if estimate.value is not None
        ]
    return metrics


def _child_metrics(run: RunRecord, now: int, step: int) -> list[Metric]:
    numbers = [Metric(_key(name), value, now, step) for name, value in run.metrics.items() if value is not None]
    return numbers + [Metric("train/loss", loss, now, epoch) for epoch, loss in run.loss_curve]


def _key(name: str) -> str:
    """Spell a name with what MLflow allows in a key."""
    return re.sub(r"[^\w./ -]", "-", name.replace(":", "/"))


def _datasets(record: EvaluationRecord) -> Iterator[DatasetInput]:
    for task, facts in record.datasets.items():
        for context in ("train", "test"):
            dataset = Dataset(
                name=f"{facts['name']}-{context}"[:500], digest=facts[f"{context}_digest"][:36], source_type="local",
                source=task,
            )  # fmt: skip
            yield DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


def _milliseconds(record: EvaluationRecord) -> int:
    made = datetime.strptime(record.created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return int(made.timestamp() * 1000)


def rebuild(records: Iterable[tuple[EvaluationRecord, Path]], home: Path) -> int:
    """Project every record; return how many there were.

    Raises:
        MlflowException: MLflow does not answer, or its database is locked by another program.
    """
    with patience(_ANSWER_S):
        client, _ = open_client(home)
    with patience(_TRANSFER_S, _RETRIES):
        return sum(1 for record, path in records if _project(client, record, path, home))
