"""From a plan to jobs: what is missing is trained from the latest state that is there, with the files it needs."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from benchmark.evaluation.preparation import Prepared
from benchmark.evaluation.scheduling.jobs import checkpoint_interval, missing_segments
from benchmark.plan import Plan, Subtree
from benchmark.spec import BenchmarkSpec
from benchmark.spec.documents.validation import parse_document
from benchmark.store.state_store import Store
from tests.conftest import Evaluated
from tests.executors.submissions import write_submission
from tests.executors.warm import copy_home, jobs_of, request, store_of
from tests.store.test_state_store import fill


def changed(spec: BenchmarkSpec, **changes: Any) -> BenchmarkSpec:
    """The same specification with other values at its top level."""
    return parse_document(BenchmarkSpec, {**spec.model_dump(mode="json"), **changes})


def updates_left(prepared: Prepared, root: Path) -> int:
    return sum(segment.num_steps for job in jobs_of(prepared, root) for segment in job.job.segments)


@pytest.fixture
def root(evaluated: Evaluated, tmp_path: Path) -> Path:
    """A home of its own in which everything of the tiny specification is trained."""
    return copy_home(evaluated.root, tmp_path / "home")


@pytest.fixture
def subtree(tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path) -> Subtree:
    return request(tiny_spec, plain, tmp_path / "planned").plan.subtrees[0]


def test_nothing_is_left_of_what_was_evaluated(tiny_spec: BenchmarkSpec, plain: Path, root: Path) -> None:
    assert jobs_of(request(tiny_spec, plain, root), root) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "Other words.", "authors": ["Somebody", "Else"], "paper": "arXiv:2002.05709"},
        {"overrides": {"cifar10": {"learning_rate": 0.7}}},
        {"specification_overrides": {"corti2022": {"learning_rate": 0.7}}},
        {"name": "renamed"},
    ],
)
def test_what_cannot_change_a_weight_retrains_nothing(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path, changes: Mapping[str, object]
) -> None:
    submission = write_submission(tmp_path / "submission", **dict(changes))  # pyright: ignore[reportArgumentType]
    assert updates_left(request(tiny_spec, submission, root), root) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"hyperparameters": {"learning_rate": 0.2, "weight_decay": 5.0e-4}},
        {"hyperparameters": {"learning_rate": 0.1, "weight_decay": 5.0e-4, "unused": 1}},
        {"overrides": {"digits": {"learning_rate": 0.7}}},
        {"specification_overrides": {"tiny": {"learning_rate": 0.7}}},
        {"before": "pass"},
    ],
)
def test_what_can_change_a_weight_retrains_everything(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path, changes: Mapping[str, object]
) -> None:
    submission = write_submission(tmp_path / "submission", **dict(changes))  # pyright: ignore[reportArgumentType]
    prepared = request(tiny_spec, submission, root)
    assert updates_left(prepared, root) == prepared.plan.num_updates


def test_changing_only_how_models_are_read_retrains_nothing(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    evaluation = {**tiny_spec.evaluation.model_dump(mode="json"), "linear": {"l2": 0.5}, "pie": {"max_splits": 7}}
    assert updates_left(request(changed(tiny_spec, evaluation=evaluation), plain, root), root) == 0


def test_more_models_train_only_the_new_seeds(tiny_spec: BenchmarkSpec, plain: Path, root: Path) -> None:
    prepared = request(changed(tiny_spec, population={"models": 4}), plain, root)
    assert [job.job.seed for job in jobs_of(prepared, root)] == [2, 3]


def test_another_schedule_trains_only_its_own_branches(tiny_spec: BenchmarkSpec, plain: Path, root: Path) -> None:
    """Pruning at .75 of 20 updates starts from the dense trunk at update 15, where no state was kept.

    The trunk is stored at its branch points, the latest before that being .5 (update 10), so that each of two seeds
    trains 5 dense updates and then two branches of 5.
    """
    shot = {"name": "late-shot", "kind": "one_shot", "at": "0.75"}
    schedules = [*tiny_spec.model_dump(mode="json")["schedules"], shot]
    prepared = request(changed(tiny_spec, schedules=schedules), plain, root)
    segments = [segment for job in jobs_of(prepared, root) for segment in job.job.segments]
    assert sorted((segment.start, segment.stop) for segment in segments) == [(10, 15)] * 2 + [(15, 20)] * 4
    assert prepared.plan.num_updates == 176 + 2 * (15 - 10 + 2 * 5) - 2 * (15 - 10)


def test_a_job_continues_from_the_latest_checkpoint_of_a_segment(subtree: Subtree, tmp_path: Path) -> None:
    store = Store(tmp_path / "segments")
    interval = checkpoint_interval(subtree.total_steps)
    dense = max(subtree.segments, key=lambda segment: segment.num_steps)
    assert dense.num_steps >= 4 * interval
    for step in (dense.start + interval, dense.start + 2 * interval):
        key = dense.key_at(subtree.root, step)
        store.publish(key, fill(tmp_path / "outbox" / key, key))
    rest = next(each for each in missing_segments(subtree, store, interval) if each.key == dense.key)
    assert rest.start == dense.start + 2 * interval
    assert rest.stop == dense.stop
    assert rest.parent == dense.key_at(subtree.root, rest.start)


def test_a_checkpoint_without_method_state_is_no_place_to_continue_from(subtree: Subtree, tmp_path: Path) -> None:
    store = Store(tmp_path / "segments")
    dense = max(subtree.segments, key=lambda segment: segment.num_steps)
    key = dense.key_at(subtree.root, dense.start + 1)
    store.publish(key, fill(tmp_path / "outbox" / key, key, resumable=False))
    rest = next(each for each in missing_segments(subtree, store, 1) if each.key == dense.key)
    assert rest == dense


def test_a_stored_state_is_trained_again_only_where_something_must_continue_from_it(
    subtree: Subtree, tmp_path: Path
) -> None:
    store = Store(tmp_path / "segments")
    for segment in subtree.segments:
        store.publish(segment.key, fill(tmp_path / "outbox" / segment.key, segment.key, resumable=False))
    assert missing_segments(subtree, store, 1) == []
    leaf = next(segment for segment in subtree.segments if segment.is_leaf and segment.parent)
    shutil.rmtree(store.path(leaf.key))
    needed = missing_segments(subtree, Store(store.folder), 1)
    by_key = {segment.key: segment for segment in subtree.segments}
    path = [leaf.key]
    while (parent := by_key[path[-1]].parent) is not None:
        path.append(parent)
    assert [segment.key for segment in needed] == path[::-1]


def test_the_state_that_a_mask_follows_from_is_trained_again_where_it_was_lost_and_nothing_else(
    subtree: Subtree, tmp_path: Path
) -> None:
    store = Store(tmp_path / "segments")
    for segment in subtree.segments:
        store.publish(segment.key, fill(tmp_path / "outbox" / segment.key, segment.key))
    shot = next(run for run in subtree.runs if run.schedule == "shot")
    parent = next(segment.parent for segment in subtree.segments if segment.key == shot.state_key)
    assert parent is not None
    shutil.rmtree(store.path(parent))
    assert [segment.key for segment in missing_segments(subtree, Store(store.folder), 1)] == [parent]


def test_jobs_carry_the_parents_they_continue_and_no_other_state(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    prepared = request(tiny_spec, plain, root)
    subtree, store = prepared.plan.subtrees[0], store_of(root)
    leaf = next(run for run in subtree.runs if run.schedule == "shot")
    shutil.rmtree(store.path(leaf.state_key))
    (job,) = jobs_of(prepared, root)
    (segment,) = job.job.segments
    assert segment.key == leaf.state_key
    assert segment.parent is not None
    assert [path.name for path in job.parents.iterdir()] == [segment.parent]
    files = {path.name for path in (job.parents / segment.parent).iterdir()}
    assert files == {"encoder.safetensors", "mask.safetensors", "method.pt"}


def test_a_job_says_of_its_whole_tree_whether_encoders_are_compiled_however_little_is_left_of_it(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    prepared = request(tiny_spec, plain, root)
    subtree, store = prepared.plan.subtrees[0], store_of(root)
    shutil.rmtree(store.path(next(run for run in subtree.runs if run.schedule == "shot").state_key))
    (job,) = jobs_of(prepared, root)
    assert (job.job.is_compiled, job.compiler_cache) == (False, None)
    plan = Plan(tuple(dataclasses.replace(each, is_compiled=True) for each in prepared.plan.subtrees))
    (job,) = jobs_of(dataclasses.replace(prepared, plan=plan), root)
    assert (job.job.is_compiled, job.compiler_cache) == (True, root / "compiled")


def test_methods_without_supervision_get_neither_labels_nor_the_number_of_classes(
    tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    submission = write_submission(tmp_path / "submission", supervision="none")
    root = tmp_path / "home"
    for job in jobs_of(request(tiny_spec, submission, root), root):
        assert job.job.num_classes is None
        assert set(load_file(job.data)) == {"images"}
