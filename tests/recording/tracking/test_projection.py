"""MLflow shows what the records say: once, however often it is told, and again after anything happened to it."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, Run, ViewType
from sqlalchemy import Engine, event

from benchmark.recording.archive import find_records, write_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.tracking import projection, rows, shown
from benchmark.recording.tracking.address import tracking_uri
from benchmark.recording.tracking.projection import Rebuilt, project, rebuild
from benchmark.recording.tracking.shown import EVALUATION_TAG
from tests.executors.warm import exit_code_of
from tests.recording.synthetic import AREAS, KEY, MAPS, OUTCOMES, record

_MADE_MS = 1_795_435_200_000
"""When the synthetic record was made, 2026-11-23T12:00:00Z."""


@pytest.fixture
def home(tmp_path: Path, empty_mlflow_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copyfile(empty_mlflow_store, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture(params=["rows", "calls"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways into MLflow: rows into SQLite, and the calls by which a server is told."""
    if request.param == "calls":
        monkeypatch.setattr(projection, "writes_rows", lambda uri: False)
    return str(request.param)


def written(home: Path, which: EvaluationRecord) -> tuple[EvaluationRecord, Path]:
    return which, write_record(home / "records", which, OUTCOMES, MAPS, AREAS, key=KEY)


def runs_in(home: Path, experiment: str = "digits-1.0") -> list[Run]:
    client = MlflowClient(tracking_uri(home))
    found = client.get_experiment_by_name(experiment)
    return [] if found is None else list(client.search_runs([found.experiment_id], run_view_type=ViewType.ACTIVE_ONLY))


def lasted_ms(run: Run) -> int:
    assert run.info.end_time is not None
    return run.info.end_time - run.info.start_time


def datasets_of(run: Run) -> list[DatasetInput]:
    return [] if run.inputs is None else run.inputs.dataset_inputs


def content(home: Path) -> list[tuple[object, ...]]:
    """Everything people see, without the ids that MLflow gives."""
    client = MlflowClient(tracking_uri(home))
    names = {run.info.run_id: run.data.tags["mlflow.runName"] for run in runs_in(home)}
    seen: list[tuple[object, ...]] = []
    for run in runs_in(home):
        tags = {name: names.get(value, value) for name, value in run.data.tags.items() if name != "mlflow.user"}
        metrics = {
            name: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)]
            for name in run.data.metrics
        }
        inputs = [(each.dataset.name, each.dataset.digest) for each in datasets_of(run)]
        artifacts = sorted(artifact.path for artifact in client.list_artifacts(run.info.run_id))
        seen.append((run.info.status, sorted(tags.items()), run.data.params, metrics, sorted(inputs), artifacts))
    return sorted(seen, key=repr)


@pytest.mark.usefixtures("way")
def test_a_record_becomes_one_parent_and_a_child_for_every_run(home: Path) -> None:
    made, path = written(home, record())
    parent_id = project(made, path, home)
    runs = runs_in(home)
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent_id]
    assert len(runs) == 1 + len(children) == 1 + len(made.runs)
    assert {run.data.tags["mlflow.runName"] for run in children} == {
        "dense s=0 seed=0 digits/resnet8#1", "dense s=0 seed=1 digits/resnet8#1",
        "late s=0.98 seed=0 digits/resnet8#1", "late s=0.98 seed=1 digits/resnet8#1",
    }  # fmt: skip


def test_a_curve_has_a_point_for_every_sparsity_and_a_child_the_step_of_its_own(home: Path) -> None:
    made = record()
    late = [cell for cell in made.cells if cell.sparsity > 0]
    runs = [run for run in made.runs if run.sparsity > 0]
    made = made.model_copy(
        update={
            "cells": (*made.cells, *(cell.model_copy(update={"sparsity": 0.984}) for cell in late)),
            "runs": (*made.runs, *(run.model_copy(update={"sparsity": 0.984}) for run in runs)),
        }
    )
    parent_id = project(*written(home, made), home)
    client = MlflowClient(tracking_uri(home))
    curve = client.get_metric_history(parent_id, "digits/resnet8-1/late/linear/accuracy")
    assert sorted(point.step for point in curve) == [980, 984]


@pytest.mark.usefixtures("way")
def test_failed_runs_are_failed_and_say_why(home: Path) -> None:
    parent_id = project(*written(home, record()), home)
    by_status = {run.info.run_id: run for run in runs_in(home) if run.info.status == "FAILED"}
    assert by_status.pop(parent_id).info.status == "FAILED"
    (failed,) = by_status.values()
    assert failed.data.tags["fmn.failure"] == "submission"
    assert failed.data.metrics == {}


def test_a_complete_record_ends_as_finished(home: Path) -> None:
    project(*written(home, record(complete=True)), home)
    assert {run.info.status for run in runs_in(home)} == {"FINISHED"}


def test_numbers_curves_parameters_and_artifacts_are_there(home: Path) -> None:
    parent_id = project(*written(home, record()), home)
    client = MlflowClient(tracking_uri(home))
    parent = client.get_run(parent_id)
    assert parent.data.metrics["robustness/score"] == 0.875
    assert parent.data.metrics["robustness/score/low"] == 0.5
    assert parent.data.params["hyperparameters/temperature"] == "0.5"
    curve = client.get_metric_history(parent_id, "digits/resnet8-1/late/linear/accuracy")
    assert [(point.step, point.value) for point in curve] == [(98, 0.975)]
    assert {artifact.path for artifact in client.list_artifacts(parent_id)} == {"record", "summary.csv", "cells.csv"}
    artifacts = {Path(artifact.path).suffix for artifact in client.list_artifacts(parent_id, "record")}
    assert artifacts == {".json", ".sig", ".parquet"}
    child = next(run for run in runs_in(home) if run.data.tags["mlflow.runName"].startswith("late s=0.98 seed=0"))
    losses = client.get_metric_history(child.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in losses] == [(0, 2.25), (1, 0.1)]
    assert "sparsity/compression" not in child.data.metrics  # undefined is not a number
    assert {each.dataset.digest for each in datasets_of(parent)} == {"1" * 36, "2" * 36}


def test_experiments_open_in_the_view_of_runs_and_not_in_the_one_for_language_models(home: Path) -> None:
    """MLflow guesses the kind of an experiment without one, and guessed wrong."""
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    client.create_experiment("digits-1.0", (home / "artifacts").as_uri())  # as earlier versions made it
    project(*written(home, record()), home)
    other = record().model_copy(update={"spec_identity": "digits-2.0"})
    project(*written(home, other), home)
    kinds = {each.name: each.tags.get("mlflow.experimentKind") for each in client.search_experiments()}
    assert kinds["digits-1.0"] == kinds["digits-2.0"] == "custom_model_development"


def test_a_kind_that_somebody_chose_by_hand_stays(home: Path) -> None:
    project(*written(home, record()), home)
    client = MlflowClient(tracking_uri(home))
    found = client.get_experiment_by_name("digits-1.0")
    assert found is not None
    client.set_experiment_tag(found.experiment_id, "mlflow.experimentKind", "genai_development")
    project(*written(home, record(complete=True)), home)
    assert client.get_experiment(found.experiment_id).tags["mlflow.experimentKind"] == "genai_development"


@pytest.mark.usefixtures("way")
def test_runs_last_as_long_as_training_and_scoring_took_and_children_are_in_the_order_of_their_names(
    home: Path,
) -> None:
    """They lasted 0 ms each and began in the same moment, so that MLflow showed them in any order."""
    made, path = written(home, record())
    parent_id = project(made, path, home)
    parent = MlflowClient(tracking_uri(home)).get_run(parent_id)
    took_ms = 1000 * (made.cost.train_s + made.cost.scoring_s)
    assert parent.info.end_time == _MADE_MS
    assert lasted_ms(parent) == took_ms
    children = [run for run in runs_in(home) if run.info.run_id != parent_id]
    assert sum(map(lasted_ms, children)) == 1000 * made.cost.train_s
    assert min(run.info.start_time for run in children) == parent.info.start_time
    latest_first = sorted(children, key=lambda run: -run.info.start_time)
    names = [run.data.tags["mlflow.runName"] for run in latest_first]
    assert names == sorted(names)
    assert len({run.info.start_time for run in children}) == len(children)


def test_a_record_shown_by_an_earlier_version_of_the_projection_is_shown_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, path = written(home, record())
    monkeypatch.setattr(shown, "PROJECTION_VERSION", 1)
    old = project(made, path, home)
    monkeypatch.undo()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert rebuild([(made, path)], home) == Rebuilt(1, 1)
    assert old not in {run.info.run_id for run in runs_in(home)}
    assert rebuild([(made, path)], home) == Rebuilt(1, 0)


@pytest.mark.usefixtures("way")
def test_projecting_twice_changes_nothing(home: Path) -> None:
    made, path = written(home, record())
    first = project(made, path, home)
    before = content(home)
    assert project(made, path, home) == first
    assert content(home) == before


@pytest.mark.usefixtures("way")
def test_a_newer_version_of_a_record_replaces_the_older_one_with_its_children(home: Path) -> None:
    """Children of the replaced parent used to stay."""
    first = project(*written(home, record()), home)
    second = project(*written(home, record(complete=True)), home)
    assert first != second
    assert len(runs_in(home)) == 1 + len(record().runs)
    assert {run.info.status for run in runs_in(home)} == {"FINISHED"}


@pytest.mark.parametrize("num_calls", [1, 3])
def test_calls_that_were_cut_off_are_made_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, num_calls: int
) -> None:
    monkeypatch.setattr(projection, "writes_rows", lambda uri: False)
    made, path = written(home, record())
    project(made, path, home)
    expected = content(home)
    other, path = written(home, record(complete=True))
    left = iter(range(num_calls))
    real = MlflowClient.log_batch

    def killed(self: MlflowClient, *arguments: object, **named: object) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        real(self, *arguments, **named)  # pyright: ignore[reportArgumentType]

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", killed)
        with pytest.raises(KeyboardInterrupt):
            project(other, path, home)
    assert "RUNNING" in {run.info.status for run in runs_in(home)}
    project(*written(home, record()), home)
    assert content(home) == expected


def test_killed_calls_are_made_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed for real: the process is gone in the middle, its runs say RUNNING for ever."""
    monkeypatch.setattr(projection, "writes_rows", lambda uri: False)
    made, path = written(home, record())
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_terminated", lambda *given: os._exit(9))
        assert exit_code_of(lambda: project(made, path, home)) == 9
    assert {run.info.status for run in runs_in(home)} == {"RUNNING"}
    project(made, path, home)
    assert len(runs_in(home)) == 1 + len(made.runs)
    assert "RUNNING" not in {run.info.status for run in runs_in(home)}


def test_killed_rows_leave_what_was_shown_before(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record is one transaction: MLflow shows the old state of it, or the new one."""
    project(*written(home, record()), home)
    before = content(home)
    newer = written(home, record(complete=True))
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_insert_datasets", lambda *given: os._exit(9))
        assert exit_code_of(lambda: project(*newer, home)) == 9
    assert content(home) == before
    project(*newer, home)
    assert {run.info.status for run in runs_in(home)} == {"FINISHED"}


def test_a_store_rebuilt_from_nothing_is_equal(home: Path, empty_mlflow_store: Path, tmp_path: Path) -> None:
    for each in (record(), record(complete=True).model_copy(update={"evaluation_key": "ef" * 32})):
        project(*written(home, each), home)
    before = content(home)
    shutil.copyfile(empty_mlflow_store, home / "mlflow.db")
    assert runs_in(home) == []
    assert rebuild(find_records(home / "records")[0], home) == Rebuilt(2, 2)
    assert content(home) == before


def test_a_rebuild_holds_a_few_records_at_a_time_and_asks_once_for_all_of_them(home: Path) -> None:
    """5,000 records were all in memory, 4 GiB, and MLflow's table of tags was read twice for each."""
    made, most, questions = list[weakref.ref[EvaluationRecord]](), [0], list[str]()

    def records() -> Iterator[tuple[EvaluationRecord, Path]]:
        for number in range(3 * projection.AT_ONCE):
            each, path = written(home, record().model_copy(update={"evaluation_key": f"{number:064x}"}))
            made.append(weakref.ref(each))
            most[0] = max(most[0], sum(other() is not None for other in made))
            yield each, path
            del each

    def note(*given: object) -> None:
        questions.extend(text for text in given if isinstance(text, str) and "JOIN tags" in text)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert rebuild(records(), home) == Rebuilt(3 * projection.AT_ONCE, 3 * projection.AT_ONCE)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert most[0] <= 2 * projection.AT_ONCE
    assert len(questions) == 2 * 3
    assert len({run.info.run_id for run in runs_in(home) if run.data.tags.get(EVALUATION_TAG)}) == 60


def test_two_records_of_one_evaluation_are_shown_once(home: Path) -> None:
    other = record(complete=True)
    assert other.evaluation_key == record().evaluation_key
    assert rebuild([written(home, record()), written(home / "elsewhere", other)], home) == Rebuilt(2, 2)
    assert len(runs_in(home)) == 1 + len(other.runs)


def test_mlflow_tracking_uri_is_honoured(
    home: Path, empty_mlflow_store: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copyfile(empty_mlflow_store, elsewhere / "other.db")
    monkeypatch.chdir(elsewhere)  # MLflow puts artifacts of such a store into the working directory
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere / 'other.db'}")
    project(*written(home, record()), home)
    assert len(runs_in(home)) == 1 + len(record().runs)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert runs_in(home) == []


def test_an_empty_tracking_uri_means_the_default(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert tracking_uri(home) == f"sqlite:///{home / 'mlflow.db'}"
    project(*written(home, record()), home)
    assert (home / "artifacts").is_dir()


def test_a_deleted_experiment_comes_back(home: Path) -> None:
    project(*written(home, record()), home)
    client = MlflowClient(tracking_uri(home))
    experiment = client.get_experiment_by_name("digits-1.0")
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    project(*written(home, record()), home)
    assert len(runs_in(home)) == 1 + len(record().runs)


def test_a_number_typed_into_mlflow_by_hand_does_not_survive_a_new_record_nor_touch_the_old_one(home: Path) -> None:
    made, path = written(home, record())
    before = path.read_bytes()
    parent = project(made, path, home)
    MlflowClient(tracking_uri(home)).log_metric(parent, "robustness/score", 1.0)
    assert project(made, path, home) == parent
    assert path.read_bytes() == before
    again = project(*written(home, record(complete=True)), home)
    assert MlflowClient(tracking_uri(home)).get_run(again).data.metrics["robustness/score"] == 0.875


@pytest.fixture(autouse=True)
def _retries_as_before() -> Iterator[None]:
    before = os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES")
    yield
    if before is None:
        os.environ.pop("MLFLOW_HTTP_REQUEST_MAX_RETRIES", None)
