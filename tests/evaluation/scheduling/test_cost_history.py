"""What a home has learned: costs from the reports in its store, scoring times from its records."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchmark.evaluation.scheduling.cost_history import (
    courses_of,
    learn,
    learn_by_task,
    start_longest_first,
    usual_scoring_s,
)
from benchmark.plan.cost import UpdateCost, lockstep
from benchmark.recording.archive import read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.spec import BenchmarkSpec
from benchmark.spec.canonical import canonical_json
from benchmark.store.state_store import Store
from benchmark.training.training_job import SegmentReport
from tests.conftest import Evaluated
from tests.executors.warm import copy_home, jobs_of, request, store_of

COST = UpdateCost(model_s=0.02, batch_s=0.07, start_s=1.0)


def pretend(store: Store, spec: BenchmarkSpec, plain: Path, root: Path) -> None:
    """Rewrite every report as if training had cost exactly `COST`."""
    for subtree in request(spec, plain, root).plan.subtrees:
        stretches = lockstep(subtree.segments)
        for segment in subtree.segments:
            shares = sum(
                (min(each.stop, segment.stop) - max(each.start, segment.start)) / each.width
                for each in stretches
                if each.start < segment.stop and segment.start < each.stop
            )
            took_s = COST.model_s * segment.num_steps + COST.batch_s * shares + COST.start_s * (segment.start == 0)
            report = SegmentReport(
                key=segment.key, step=segment.stop, start=segment.start, train_s=took_s, peak_memory_bytes=5, losses=()
            )
            (store.path(segment.key) / "report.json").write_text(report.model_dump_json())


@pytest.fixture
def root(evaluated: Evaluated, tmp_path: Path) -> Path:
    return copy_home(evaluated.root, tmp_path / "home")


def test_the_cost_of_an_update_is_learned_from_the_reports_of_a_plan(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    store = store_of(root)
    pretend(store, tiny_spec, plain, root)
    plan = request(tiny_spec, plain, root).plan
    found = learn(plan.subtrees, store)
    assert found is not None
    assert (found.num_segments, found.peak_memory_bytes) == (18, 5)
    for subtree in plan.subtrees:
        assert found.cost.seconds(subtree.segments) == pytest.approx(COST.seconds(subtree.segments), rel=1e-3)
    assert list(learn_by_task(plan.subtrees, store)) == ["digits/resnet8"]


def test_damaged_and_absurd_reports_spoil_no_more_than_themselves(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    store, plan = store_of(root), request(tiny_spec, plain, root).plan
    first, second, third = (store.path(segment.key) for segment in plan.subtrees[0].segments[:3])
    (first / "report.json").write_text("{")
    (second / "report.json").unlink()
    shutil.rmtree(third)
    found = learn(plan.subtrees, store)
    assert found is not None
    assert found.num_segments == 15


def test_a_store_without_anything_teaches_nothing(tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path) -> None:
    plan = request(tiny_spec, plain, tmp_path / "home").plan
    assert learn(plan.subtrees, store_of(tmp_path / "home")) is None
    assert learn_by_task(plan.subtrees, store_of(tmp_path / "home")) == {}


def test_the_seed_with_most_left_is_started_first(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    """Seed 0 lacks one leaf, seed 1 lacks everything."""
    plan, store = request(tiny_spec, plain, root).plan, store_of(root)
    leaf = next(segment for segment in plan.subtrees[0].segments if segment.is_leaf and segment.parent)
    shutil.rmtree(store.path(leaf.key))
    for segment in plan.subtrees[1].segments:
        shutil.rmtree(store.path(segment.key))
    jobs = jobs_of(request(tiny_spec, plain, root), root)
    tasks = {subtree.root: subtree.task for subtree in plan.subtrees}
    ordered, courses = start_longest_first(jobs, courses_of(jobs, tasks, {}), 1)
    assert sorted(job.job.seed for job in jobs) == [0, 1]
    # one worker ends at the same time in every order, and equal ends keep what is longest first
    assert [job.job.seed for job in ordered] == [1, 0]
    assert courses[0].total_s == sum(segment.num_steps for segment in ordered[0].job.segments)


def shelve(records: Path, record: EvaluationRecord, scoring_s: float, name: str, when: float) -> None:
    changed = record.model_copy(update={"cost": record.cost.model_copy(update={"scoring_s": scoring_s})})
    path = records / record.spec_identity / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(canonical_json(changed.model_dump(mode="json")))
    os.utime(path, (when, when))


def test_scoring_takes_what_it_took_under_the_very_same_specification_and_environment(
    evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path, root: Path, tmp_path: Path
) -> None:
    prepared = request(tiny_spec, plain, root)
    spec, record = tiny_spec.model_dump(mode="json"), read_record(evaluated.path)
    shelf = tmp_path / "records"
    assert usual_scoring_s(shelf, spec, "tiny-1.0", prepared.environment) is None
    for place, took_s in enumerate((40.0, 2.0, 50.0, 3.0)):
        shelve(shelf, record, took_s, str(place), float(place))
    (shelf / "tiny-1.0" / "bad.json").write_text("{")
    assert usual_scoring_s(shelf, spec, "tiny-1.0", prepared.environment) == 40.0
    assert usual_scoring_s(shelf, {**spec, "tier": "full"}, "tiny-1.0", prepared.environment) is None
    assert usual_scoring_s(shelf, spec, "tiny-1.0", {**prepared.environment, "torch": "0"}) is None
    for place in range(8):
        shelve(shelf, record, 7.0, f"new{place}", 100.0)
    assert usual_scoring_s(shelf, spec, "tiny-1.0", prepared.environment) == 7.0
