"""What a job has left that Slurm starts again: as much as the dispatcher would ask for, from the latest checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.evaluation.scheduling.jobs import missing_segments
from benchmark.executors.slurm.node_job import JobFolder
from benchmark.executors.slurm.resume import LeftStates
from benchmark.plan.tree import checkpoint_steps
from benchmark.recording.isolation import Isolation, is_at_least
from benchmark.spec import BenchmarkSpec
from benchmark.store.state_store import Store
from benchmark.training.state_files import ENCODER_FILE, MASK_FILE, METHOD_FILE
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


@pytest.mark.parametrize("is_folder", [True, False])
def test_no_link_in_an_outbox_is_followed(tmp_path: Path, is_folder: bool) -> None:
    """A submission in a container could otherwise have the user's own files copied to where it reads them."""
    folder, key = JobFolder(tmp_path / "slurm" / "job"), "ab" * 32
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    folder.outbox.mkdir(parents=True)
    for name in (ENCODER_FILE, MASK_FILE, METHOD_FILE):
        (secrets / name).write_text("a private key")
    if is_folder:
        (folder.outbox / key).symlink_to(secrets)
    else:
        (folder.outbox / key).mkdir()
        for name in (ENCODER_FILE, MASK_FILE, METHOD_FILE):
            (folder.outbox / key / name).symlink_to(secrets / name)
    left = LeftStates(folder, Store(tmp_path / "segments"), "podman")
    assert not left._is_there(key, resumable=True)
    with pytest.raises(FileNotFoundError):
        left._copy(key)
    assert not any(path.is_file() for path in folder.parents.rglob("*"))


def test_a_state_in_the_outbox_is_handed_over(tmp_path: Path) -> None:
    folder, key = JobFolder(tmp_path / "slurm" / "job"), "ab" * 32
    (folder.outbox / key).mkdir(parents=True)
    for name in (ENCODER_FILE, MASK_FILE, METHOD_FILE):
        (folder.outbox / key / name).write_text(name)
    left = LeftStates(folder, Store(tmp_path / "segments"), "podman")
    assert left._is_there(key, resumable=True)
    left._copy(key)
    assert (folder.parents / key / METHOD_FILE).read_text() == METHOD_FILE
