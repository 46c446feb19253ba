"""Collecting: what a trainer hands out is taken by its name or refused, and one bad folder harms no other."""

from __future__ import annotations

import errno
import logging
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from benchmark.evaluation.scheduling.jobs import prepare_jobs
from benchmark.executors.base import PreparedJob
from benchmark.spec import BenchmarkSpec
from benchmark.store.collector import adopt_leftovers, collect, names_to_collect, read_failures, read_progress
from benchmark.store.layout import Home
from benchmark.store.origin import ORIGIN_FILE, JobOrigin, read_job_origin
from benchmark.store.sizes import StateSizes
from tests.conftest import Evaluated
from tests.executors.warm import jobs_of, request, store_of
from tests.store.test_state_store import fill


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def job(tiny_spec: BenchmarkSpec, plain: Path, root: Path) -> PreparedJob:
    return jobs_of(request(tiny_spec, plain, root), root)[0]


def test_states_of_other_names_are_not_taken(job: PreparedJob, root: Path) -> None:
    wanted, other = job.job.segments[0].key, "0" * 64
    for key in (wanted, other):
        fill(job.outbox / key, key)
    store = store_of(root)
    assert collect(job.outbox, names_to_collect(job.job), store) is None
    assert store.has(wanted)
    assert not store.has(other)
    assert not (job.outbox / wanted).exists()


def test_a_link_to_somebody_elses_state_is_refused_and_said(job: PreparedJob, root: Path, tmp_path: Path) -> None:
    key = job.job.segments[0].key
    (job.outbox / key).symlink_to(fill(tmp_path / "elsewhere", key))
    refused = collect(job.outbox, names_to_collect(job.job), store_of(root))
    assert refused is not None
    assert key[:12] in refused
    assert not store_of(root).has(key)


@pytest.mark.parametrize(("number", "is_refused"), [(errno.EACCES, True), (errno.ELOOP, True), (errno.ENOENT, False)])
def test_a_folder_that_cannot_be_opened_ends_no_evaluation(
    job: PreparedJob, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_refused: bool
) -> None:
    """A container's user can close its folders to a dispatcher that is not root."""
    closed, other = (segment.key for segment in job.job.segments[:2])
    for key in (closed, other):
        fill(job.outbox / key, key)
    opened = os.open

    def refuse(path: Any, *arguments: Any, **more: Any) -> int:
        if Path(path) == job.outbox / closed:
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, *arguments, **more)

    monkeypatch.setattr(os, "open", refuse)
    refused = collect(job.outbox, names_to_collect(job.job), store_of(root))
    assert (refused is not None and closed[:12] in refused) == is_refused
    assert store_of(root).has(other)
    assert not store_of(root).has(closed)


def test_what_a_killed_dispatcher_left_is_adopted_whatever_state_it_is_in(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    """A dispatcher that was killed while it removed a job left a job file without an outbox: the next one crashed."""
    whole, without_outbox = jobs_of(request(tiny_spec, plain, root), root)
    key = whole.job.segments[0].key
    fill(whole.outbox / key, key, sizes=read_job_origin(whole.job_file).sizes)
    (whole.outbox / f"{whole.job.segments[1].key}.unfinished").mkdir()
    without_outbox.outbox.rmdir()
    (root / "jobs" / "garbage").mkdir()
    (root / "jobs" / "garbage" / "job.json").write_text("{")
    adopt_leftovers(Home(root), store_of(root))
    assert list((root / "jobs").iterdir()) == []
    assert store_of(root).has(key)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO])
def test_a_fault_of_this_machine_is_raised_and_the_state_stays_in_the_outbox(
    job: PreparedJob, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A dispatcher with too many open files once called an honest trainer's state invalid output."""
    key = job.job.segments[0].key
    fill(job.outbox / key, key)
    opened = os.open

    def fail(path: Any, *arguments: Any, **more: Any) -> int:
        if Path(path) == job.outbox / key:
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        with pytest.raises(OSError, match=os.strerror(number)):
            collect(job.outbox, names_to_collect(job.job), store_of(root))
    assert collect(job.outbox, names_to_collect(job.job), store_of(root)) is None
    assert store_of(root).has(key)


def test_what_a_trainer_says_is_bounded_and_what_makes_no_sense_is_left_out(
    job: PreparedJob, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    total = sum(segment.num_steps for segment in job.job.segments)
    assert read_progress(job.outbox, job.job) is None
    assert read_failures(job.outbox) == {}
    (job.outbox / "progress.json").write_text('{"num_updates": 1000000, "loss": 1.5}')
    (job.outbox / "failures.jsonl").write_text('{"key": "k", "error": "e"}\nnonsense\n')
    told = read_progress(job.outbox, job.job)
    assert told is not None
    assert told.num_updates == total
    assert {key: failure.error for key, failure in read_failures(job.outbox).items()} == {"k": "e"}
    assert any("failures.jsonl" in record.getMessage() for record in caplog.records)


MIB = 1 << 20


def files(*folders: Path) -> dict[Path, int]:
    """All files below some folders and their sizes; of blocks on the disk a system may take more or fewer later."""
    return {path: path.lstat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()}


def origin_of(job: PreparedJob) -> JobOrigin:
    return read_job_origin(job.job_file)


def test_sizes_are_those_of_the_files_that_trainers_write(
    evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    job = jobs_of(request(tiny_spec, plain, root), root)[0]
    sizes = origin_of(job).sizes
    assert sizes is not None
    states = [path.parent for path in (evaluated.root / "segments").rglob("encoder.safetensors")]
    assert len(states) > 14
    for name, num_bytes in sizes.exact.items():
        assert {(state / name).stat().st_size for state in states} == {num_bytes}


@pytest.mark.parametrize("name", ["encoder.safetensors", "mask.safetensors", "method.pt", "report.json"])
def test_files_of_700_mib_are_refused_unread_with_both_sizes_and_leave_nothing_on_the_disk(
    job: PreparedJob, root: Path, name: str
) -> None:
    """T2: each was read into memory and stored whole, 15 GB for one tiny seed, and kept after the refusal."""
    store, sizes = store_of(root), origin_of(job).sizes
    before = files(root, store.folder)
    for segment in job.job.segments:
        folder = fill(job.outbox / segment.key, segment.key, sizes=sizes)
        os.truncate(folder / name, 700 * MIB)
    tracemalloc.start()
    refused = collect(job.outbox, names_to_collect(job.job), store, origin_of(job))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused is not None
    assert name in refused
    assert f"got {700 * MIB:,}" in refused
    assert peak < 64 * MIB  # of 700; other threads of the process count too
    assert list(job.outbox.iterdir()) == []
    assert not any(store.has(segment.key) for segment in job.job.segments)
    assert files(root, store.folder) == before


@pytest.mark.parametrize("name", ["encoder.safetensors", "mask.safetensors"])
@pytest.mark.parametrize("change", [-1, 1])
def test_one_byte_more_or_less_than_an_encoder_or_mask_has_is_refused(
    job: PreparedJob, root: Path, name: str, change: int
) -> None:
    key, sizes = job.job.segments[0].key, origin_of(job).sizes
    assert sizes is not None
    folder = fill(job.outbox / key, key, sizes=sizes)
    os.truncate(folder / name, sizes.exact[name] + change)
    refused = collect(job.outbox, names_to_collect(job.job), store_of(root), origin_of(job))
    assert refused == f"{key[:12]}/{name}: expected {sizes.exact[name]:,} bytes, got {sizes.exact[name] + change:,}"


def test_a_large_state_of_a_method_is_copied_in_pieces(job: PreparedJob, root: Path) -> None:
    key, sizes = job.job.segments[0].key, origin_of(job).sizes
    os.truncate(fill(job.outbox / key, key, sizes=sizes) / "method.pt", 100 * MIB)
    tracemalloc.start()
    assert collect(job.outbox, names_to_collect(job.job), store_of(root), origin_of(job)) is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB
    assert store_of(root).has(key, resumable=True)


def test_all_states_of_a_job_together_are_bounded(
    job: PreparedJob, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StateSizes, "methods_limit", 3 * MIB)
    keys, sizes, store = [segment.key for segment in job.job.segments[:4]], origin_of(job).sizes, store_of(root)
    refused: list[str | None] = []
    for key in keys:
        os.truncate(fill(job.outbox / key, key, sizes=sizes) / "method.pt", MIB)
        refused.append(collect(job.outbox, names_to_collect(job.job), store, origin_of(job)))
    assert refused[:3] == [None] * 3
    assert refused[3] is not None
    assert "in all states of the job" in refused[3]
    assert not store.has(keys[3])


@pytest.mark.parametrize("change", ["removed", "edited", "of another job"])
def test_leftovers_of_a_job_without_a_signed_origin_count_as_not_isolated(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, change: str
) -> None:
    prepared = request(tiny_spec, plain, root)
    job, other = prepare_jobs(
        Home(root), store_of(root), prepared.plan, tiny_spec.tasks, prepared.data, prepared.admitted, "cpu",
        made_by=JobOrigin(isolation="docker", executor="docker"),
    )  # fmt: skip
    keys = [each.job.segments[0].key for each in (job, other)]
    for key, each in zip(keys, (job, other), strict=True):
        fill(each.outbox / key, key, sizes=origin_of(each).sizes)
    path = job.job_file.parent / ORIGIN_FILE
    match change:
        case "removed":
            path.unlink()
        case "edited":
            path.write_bytes(path.read_bytes().replace(b'"docker"', b'"podman"'))
        case _:
            path.write_bytes((other.job_file.parent / ORIGIN_FILE).read_bytes())
    store = store_of(root)
    adopt_leftovers(Home(root), store)
    assert [store.isolation(key) for key in keys] == ["none", "docker"]
