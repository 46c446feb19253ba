"""Collecting: what a trainer hands out is taken by its name or refused, and one bad folder harms no other."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from benchmark.executors.base import PreparedJob
from benchmark.spec import BenchmarkSpec
from benchmark.store.collector import adopt_leftovers, collect, names_to_collect, read_failures, read_progress
from benchmark.store.layout import Home
from benchmark.store.origin import read_job_origin
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
    assert read_failures(job.outbox) == {"k": "e"}
    assert any("failures.jsonl" in record.getMessage() for record in caplog.records)
