"""A record says `docker` only where every state behind it was made in a container, whatever command scored it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmark.cli.plan_table import plan_table
from benchmark.evaluation.evaluate import evaluate
from benchmark.recording.archive import signature_path
from benchmark.recording.isolation import Isolation
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.signature import check
from benchmark.recording.signing_keys import key_path, public_keys
from benchmark.spec import BenchmarkSpec, UserError
from benchmark.spec.canonical import canonical_json
from benchmark.store.layout import Home
from benchmark.store.origin import ORIGIN_FILE
from tests.conftest import Evaluated
from tests.executors.warm import Notes, WarmExecutor, copy_home, request, store_of


def executor_of(isolation: Isolation) -> WarmExecutor:
    """An executor that says how isolated it is; a record's numbers do not depend on it."""
    return WarmExecutor(name="process" if isolation == "none" else isolation, isolation=isolation)


def evaluated_by(
    executor: WarmExecutor, spec: BenchmarkSpec, submission: Path, root: Path, *, train: bool = True
) -> tuple[EvaluationRecord, Path, Notes]:
    notes = Notes()
    prepared = request(spec, submission, root, executor)
    return *evaluate(prepared, Home(root), executor, notes, train=train, workers=2), notes


def signer_of(path: Path) -> str:
    """The role of the key that signed a record."""
    statement = check(path.read_bytes(), signature_path(path).read_bytes())
    return next(role for role, key in public_keys().items() if key == statement.key)


@pytest.fixture
def root(evaluated: Evaluated, tmp_path: Path) -> Path:
    """A home of its own in which everything was trained by the process executor."""
    return copy_home(evaluated.root, tmp_path / "home")


@pytest.fixture(scope="module")
def contained(
    tiny_spec: BenchmarkSpec, plain: Path, evaluated: Evaluated, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, EvaluationRecord, Path, Notes, int]:
    """A home in which the process executor evaluated first, and then one that isolates."""
    root, executor = copy_home(evaluated.root, tmp_path_factory.mktemp("contained") / "home"), executor_of("docker")
    record, path, notes = evaluated_by(executor, tiny_spec, plain, root)
    return root, record, path, notes, executor.num_started


def test_docker_scores_no_state_that_was_made_without_isolation_but_trains_it_again(
    contained: tuple[Path, EvaluationRecord, Path, Notes, int], evaluated: Evaluated
) -> None:
    """T1: `evaluate --executor process`, then `--executor docker` gave a signed `docker` record of cheated states."""
    root, record, path, notes, num_started = contained
    assert num_started == 2
    store = store_of(root)
    assert {store.isolation(run.state_key) for run in record.runs} == {"docker"}
    assert (record.isolation, signer_of(path)) == ("docker", "isolated")
    assert record.states_isolation is not None
    assert set(record.states_isolation) == {"docker"}
    count = next(int(text.split()[0]) for text in notes.warnings)
    assert notes.warnings == [f"{count} states were made without isolation (none) and are trained again under docker"]
    assert count >= sum(record.states_isolation.values()) >= 14
    assert [run.metrics for run in record.runs] == [run.metrics for run in evaluated.record.runs]


def test_what_was_made_in_a_container_serves_every_executor_and_stays_what_it_is(
    contained: tuple[Path, EvaluationRecord, Path, Notes, int], tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    root, executor = copy_home(contained[0], tmp_path / "home"), executor_of("none")
    record, path, notes = evaluated_by(executor, tiny_spec, plain, root)
    assert (executor.num_started, notes.warnings) == (0, [])
    assert (record.isolation, signer_of(path)) == ("docker", "isolated")


def test_a_record_is_as_isolated_as_its_least_isolated_state(
    contained: tuple[Path, EvaluationRecord, Path, Notes, int], tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    root, record = copy_home(contained[0], tmp_path / "home"), contained[1]
    shutil.rmtree(store_of(root).path(next(run.state_key for run in record.runs if run.schedule == "shot")))
    mixed, path, _ = evaluated_by(executor_of("none"), tiny_spec, plain, root)
    assert (mixed.isolation, signer_of(path)) == ("none", "unisolated")
    assert mixed.states_isolation is not None
    assert mixed.states_isolation["none"] == 1
    assert mixed.states_isolation["docker"] > 1


@pytest.mark.parametrize("where", ["edited", "of another state"])
def test_an_origin_that_this_machine_did_not_sign_for_this_state_proves_nothing(
    contained: tuple[Path, EvaluationRecord, Path, Notes, int], root: Path, where: str
) -> None:
    store, record = store_of(root), contained[1]
    first, second = record.runs[0].state_key, record.runs[1].state_key
    origin = store.path(first) / ORIGIN_FILE
    if where == "edited":
        document = json.loads(origin.read_bytes())
        assert document["statement"]["isolation"] == "none"
        document["statement"]["isolation"] = "docker"
        origin.write_bytes(canonical_json(document))
    else:
        shutil.copyfile(store_of(contained[0]).path(second) / ORIGIN_FILE, origin)
    assert store.has(first)
    assert store.isolation(first) == "none"
    assert not store.has(first, at_least="apptainer")


def test_rescoring_says_how_isolated_the_states_were_whatever_scores_them(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    record, path, _ = evaluated_by(executor_of("docker"), tiny_spec, plain, root, train=False)
    assert record.is_complete
    assert (record.isolation, signer_of(path)) == ("none", "unisolated")


def test_the_plan_counts_what_would_be_trained_again(tiny_spec: BenchmarkSpec, plain: Path, root: Path) -> None:
    prepared = request(tiny_spec, plain, root)
    assert "left to train: 0 updates" in str(plan_table(prepared, Home(root), executor_of("none")).renderables[1])
    left = str(plan_table(prepared, Home(root), executor_of("docker")).renderables[1])
    assert f"left to train: {prepared.plan.num_updates} updates" in left


def test_both_keys_are_needed_before_anything_is_trained(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record may turn out to be less isolated than its executor, so that the other key has to sign it."""
    monkeypatch.setenv("FMN_CONFIG", str(tmp_path / "config"))
    key_path("unisolated").parent.mkdir(mode=0o700)
    key_path("unisolated").write_text("no key")
    key_path("unisolated").chmod(0o600)
    executor = executor_of("docker")
    with pytest.raises(UserError, match=r"unisolated\.key"):
        evaluated_by(executor, tiny_spec, plain, tmp_path / "home")
    assert executor.num_started == 0


def test_a_record_says_under_which_definitions_it_was_made(evaluated: Evaluated, tiny_spec: BenchmarkSpec) -> None:
    definitions = evaluated.record.definitions
    assert definitions is not None
    assert definitions["spec"] == tiny_spec.version
    assert definitions["keys"] == "3"
    assert {"linear", "cell/pie", "grid/robustness"} <= definitions.keys()
