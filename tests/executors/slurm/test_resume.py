"""What a job has left that Slurm starts again: as much as the dispatcher would ask for, from the latest checkpoints."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.evaluation.scheduling.jobs import missing_segments
from benchmark.executors.slurm.node_job import JobFolder
from benchmark.executors.slurm.resume import LeftStates
from benchmark.plan.tree import checkpoint_steps
from benchmark.recording.isolation import Isolation, is_at_least
from benchmark.spec import BenchmarkSpec
from benchmark.store.sizes import StateSizes
from benchmark.store.state_store import Store
from tests.executors.warm import jobs_of, request


class Given(Store):
    """A store in which the states of some names are, made with some isolation."""

    def __init__(self, names: set[str], made_with: Isolation = "none") -> None:
        super().__init__(Path("no folder"))
        self.names = names
        self.made_with: Isolation = made_with

    def has(self, key: str, *, resumable: bool = False, at_least: Isolation = "none") -> bool:
        return key in self.names and is_at_least(self.made_with, at_least)


@pytest.mark.parametrize("num_there", range(0, 60, 3))
def test_what_is_left_is_what_a_dispatcher_would_ask_for(
    tmp_path: Path, tiny_spec: BenchmarkSpec, plain: Path, num_there: int
) -> None:
    prepared = request(tiny_spec, plain, tmp_path)
    job, subtree = jobs_of(prepared, tmp_path)[0].job, prepared.plan.subtrees[0]
    in_time = sorted(
        {
            (step, key)
            for segment in job.segments
            for step, key in [
                (segment.stop, segment.key),
                *((s, segment.key_at(job.root, s)) for s in checkpoint_steps(segment, job.checkpoint_interval)),
            ]
        }
    )
    there = Given({key for _, key in in_time[:num_there]})
    rest = LeftStates(JobFolder(tmp_path / "nothing left"), there).rest(job)
    asked = missing_segments(subtree, there, job.checkpoint_interval)
    assert {segment.key for segment in asked} <= {segment.key for segment in rest}
    assert {segment.key: segment for segment in rest}.items() >= {each.key: each for each in asked}.items()
    assert sum(each.num_steps for each in rest) <= sum(each.num_steps for each in job.segments)
    if num_there == 0:
        assert rest == job.segments


@pytest.mark.parametrize(("made_with", "num_left"), [("none", None), ("apptainer", None), ("podman", 0), ("docker", 0)])
def test_a_contained_job_goes_on_from_no_stored_state_of_less_isolation(
    tmp_path: Path, tiny_spec: BenchmarkSpec, plain: Path, made_with: Isolation, num_left: int | None
) -> None:
    """What a requeued job trained from such a state would have counted as made in its container."""
    job = jobs_of(request(tiny_spec, plain, tmp_path), tmp_path)[0].job
    there = Given({segment.key for segment in job.segments}, made_with)
    rest = LeftStates(JobFolder(tmp_path / "nothing left"), there, "podman").rest(job)
    assert len(rest) == (len(job.segments) if num_left is None else num_left)


def state_in(folder: Path, content: bytes = b"state") -> Path:
    folder.mkdir(parents=True)
    for name in ("encoder.safetensors", "mask.safetensors", "method.pt"):
        (folder / name).write_bytes(content)
    return folder


def link_folder(outbox: Path, key: str, secret: Path) -> None:
    (outbox / key).symlink_to(state_in(secret))


def link_file(outbox: Path, key: str, secret: Path) -> None:
    (state_in(outbox / key) / "method.pt").unlink()
    (outbox / key / "method.pt").symlink_to(state_in(secret) / "method.pt")


def make_pipe(outbox: Path, key: str, secret: Path) -> None:
    (state_in(outbox / key) / "mask.safetensors").unlink()
    os.mkfifo(outbox / key / "mask.safetensors")


def leave_one_out(outbox: Path, key: str, secret: Path) -> None:
    (state_in(outbox / key) / "encoder.safetensors").unlink()


@pytest.mark.parametrize("attack", [link_folder, link_file, make_pipe, leave_one_out])
def test_what_submitted_code_has_left_in_its_place_is_no_state_and_shows_its_next_start_no_file_of_ours(
    tmp_path: Path, tiny_spec: BenchmarkSpec, plain: Path, attack: Callable[[Path, str, Path], None]
) -> None:
    job = jobs_of(request(tiny_spec, plain, tmp_path), tmp_path)[0].job
    folder = JobFolder(tmp_path / "job")
    folder.outbox.mkdir(parents=True)
    folder.parents.mkdir()
    first = next(segment for segment in job.segments if segment.parent is None)
    attack(folder.outbox, first.key, tmp_path / "secret")
    left = LeftStates(folder, Given(set()))
    assert left.rest(job) == job.segments
    with pytest.raises(FileNotFoundError):
        left.hand_over(tuple(each for each in job.segments if each.parent == first.key), job.root)
    assert not any(path.is_file() for path in folder.parents.rglob("*") if not path.parent.name.endswith(".unfinished"))


def test_an_honest_state_in_the_outbox_is_gone_on_from_and_one_larger_than_the_job_may_have_is_not(
    tmp_path: Path, tiny_spec: BenchmarkSpec, plain: Path
) -> None:
    job = jobs_of(request(tiny_spec, plain, tmp_path), tmp_path)[0].job
    folder = JobFolder(tmp_path / "job")
    folder.parents.mkdir(parents=True)
    first = next(segment for segment in job.segments if segment.parent is None)
    state_in(folder.outbox / first.key)
    children = tuple(each for each in job.segments if each.parent == first.key)
    left = LeftStates(folder, Given(set()), sizes=StateSizes(encoder=5, mask=5, num_states=3))
    assert {each.key for each in job.segments} - {each.key for each in left.rest(job)} == {first.key}
    left.hand_over(children, job.root)
    assert (folder.parents / first.key / "method.pt").read_bytes() == b"state"
    other = LeftStates(folder, Given(set()), sizes=StateSizes(encoder=6, mask=5, num_states=3))
    assert other.rest(job) == job.segments
