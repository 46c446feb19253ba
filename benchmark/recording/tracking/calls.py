"""Showing a record through MLflow's own calls, one run after the other: for servers, and for databases but SQLite."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run
from mlflow.exceptions import MlflowException

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

logger = logging.getLogger(__name__)

_MAX_METRICS, _MAX_PARAMS = 900, 100
"""Of one call; MLflow permits 100 parameters, and 1,000 values of both kinds."""
_DATASET_CALLS = 5
"""Calls that log data sets: each may meet another projection that brings one of them at the same moment."""


def show_by_calls(client: MlflowClient, experiment: str, evaluation: ShownEvaluation) -> tuple[str, bool]:
    """Show a record; what was shown of an earlier state of it is deleted.

    Args:
        client: of the store.
        experiment: id of the experiment.
        evaluation: what to show.

    Returns:
        The id of the parent run, and whether anything was written: not where the record is shown as it is.

    Raises:
        MlflowException: MLflow does not answer.
    """
    parents = runs_tagged(client, experiment, EVALUATION_TAG, evaluation.key)
    if len(parents) == 1 and evaluation.is_shown_by(parents[0].info.status, parents[0].data.tags):
        return parents[0].info.run_id, False
    for run in [*runs_tagged(client, experiment, PARENT_TAG, evaluation.key), *parents]:
        client.delete_run(run.info.run_id)
    parent = _create(client, experiment, evaluation.parent, {})
    _log_datasets(client, parent, evaluation.datasets)
    for name, text in evaluation.tables.items():
        client.log_text(parent, text, name)
    for file in evaluation.files:
        client.log_artifact(parent, str(file), RECORD_FOLDER)
    for run in evaluation.children:
        child = _create(client, experiment, run, {RUN_OF_PARENT_TAG: parent})
        client.set_terminated(child, run.status, run.end_ms)
    # Last of all, so that a projection that was cut off is recognised and made again.
    client.set_tag(parent, CONTENT_TAG, evaluation.content)
    client.set_terminated(parent, evaluation.parent.status, evaluation.parent.end_ms)
    return parent, True


def _log_datasets(client: MlflowClient, run_id: str, datasets: Sequence[ShownDataset]) -> None:
    """Log which data a run used.

    Where several projections bring the same new data set at once, MLflow's database refuses all but one ("duplicate
    key"). A further call finds the data set there.
    """
    inputs = [_input(dataset) for dataset in datasets]
    for num_left in reversed(range(_DATASET_CALLS)):
        try:
            client.log_inputs(run_id, inputs)
            return
        except MlflowException as error:
            if not num_left or error.error_code != "BAD_REQUEST":
                raise
            logger.debug("the data of run %s are logged again: %s", run_id, error.message)


def runs_tagged(client: MlflowClient, experiment: str, tag: str, value: str) -> list[Run]:
    """Find every run with a tag, however many pages of them there are.

    Raises:
        MlflowException: MLflow does not answer.
    """
    found: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs([experiment], f"tags.`{tag}` = '{value}'", page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _create(client: MlflowClient, experiment: str, run: ShownRun, more_tags: dict[str, str]) -> str:
    """Create a run with all its numbers and parameters, which is not ended yet."""
    made = client.create_run(experiment, run.start_ms, tags={**run.tags, **more_tags}, run_name=run.name)
    run_id = made.info.run_id
    metrics = [_metric(point) for point in run.points]
    params = [Param(name, value) for name, value in run.params.items()]
    for batch in range(max(-(-len(metrics) // _MAX_METRICS), -(-len(params) // _MAX_PARAMS))):
        some_metrics = metrics[batch * _MAX_METRICS :][:_MAX_METRICS]
        client.log_batch(run_id, some_metrics, params[batch * _MAX_PARAMS :][:_MAX_PARAMS])
    return run_id


def _metric(point: Point) -> Metric:
    return Metric(point.key, point.value, point.time_ms, point.step)


def _input(dataset: ShownDataset) -> DatasetInput:
    entity = Dataset(name=dataset.name, digest=dataset.digest, source_type="local", source=dataset.source)
    return DatasetInput(entity, [InputTag("mlflow.data.context", dataset.context)])
