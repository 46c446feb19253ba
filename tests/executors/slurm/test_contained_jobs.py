"""The slurm executor with Podman on its nodes: the bits of `process`, and containers that end with their jobs."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.evaluation.scheduling import jobs as preparation
from benchmark.executors.failure import Evidence, decide
from benchmark.executors.slurm import scheduler
from benchmark.executors.slurm.executor import SlurmExecutor
from benchmark.executors.slurm.node_job import FOLDER
from benchmark.executors.slurm.options import OPTIONS_FILE
from benchmark.executors.slurm.scheduler import SlurmError, queue_of_user, run_command
from benchmark.executors.slurm.trainer import AttachedTrainer
from benchmark.recording.archive import read_record
from benchmark.spec import BenchmarkSpec
from benchmark.store.layout import Home
from tests.conftest import Evaluated
from tests.executors.slurm.podman import ask_for_podman, containers_on_nodes, require_podman_on_nodes
from tests.executors.slurm.test_jobs import SLOW, a_job, all_updates, fmn, folder_of, interrupted, numbers, rest_after
from tests.executors.submissions import write_submission
from tests.executors.test_conformance import OUTBOX, attacked, end_of, last_lines
from tests.executors.warm import wait_until


@pytest.fixture(autouse=True)
def _podman() -> None:
    require_podman_on_nodes()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the nodes say of themselves from inside a container, asked once."""
    require_podman_on_nodes()
    home = Home(tmp_path_factory.mktemp("facts"))
    ask_for_podman(home)
    SlurmExecutor(home).environment("cpu")
    (remembered,) = (home.root / FOLDER).glob("node-*.json")
    return remembered


@pytest.fixture
def home(tmp_path: Path, node: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home with containers, whose trainers save a state at every update; none of its jobs or containers is left."""
    monkeypatch.setattr(SlurmExecutor, "_remembered_at", lambda self, device: node)  # pyright: ignore
    monkeypatch.setattr(preparation, "CHECKPOINT_EVERY_S", 0.01)
    monkeypatch.setattr(scheduler, "_ASK_EVERY_S", 1.0)
    home = Home(tmp_path / "home")
    ask_for_podman(home)
    yield home
    for folder in (home.root / FOLDER).glob("*-*"):
        if (job := folder / "slurm_id").is_file():
            run_command("scancel", job.read_text())
    wait_until(lambda: not containers_on_nodes(home), limit_s=30)


def test_an_evaluation_in_containers_of_the_cluster_has_the_bits_of_one_on_this_machine(
    tmp_path: Path, evaluated: Evaluated, tiny_spec_file: Path, plain: Path
) -> None:
    root = tmp_path / "home"
    words = ("evaluate", plain, "--spec", tiny_spec_file, "--executor", "slurm", "--device", "cpu")
    process = fmn(root, *words, FMN_SLURM_CONTAINER="podman")
    printed, _ = process.communicate(timeout=400)
    assert process.returncode == 0, printed
    (path,) = (root / "records").rglob("*.json")
    record = read_record(path)
    assert "isolation is off" not in printed
    assert "submitted code runs in Podman's containers on the cluster's nodes" in " ".join(printed.split())
    assert (record.isolation, record.provenance["executor"]) == ("podman", "slurm")
    assert set(record.states_isolation or {}) == {"podman"}
    assert record.provenance["trainer_image"] == "forget-me-not/trainer:latest"
    assert numbers(record) == numbers(evaluated.record)
    for run in record.runs:
        there, here = (
            home / "segments" / run.state_key[:2] / run.state_key / "encoder.safetensors"
            for home in (root, evaluated.root)
        )
        assert there.read_bytes() == here.read_bytes()
    assert containers_on_nodes(Home(root)) == []


def test_submitted_code_sees_its_job_and_neither_home_nor_network_nor_what_holds_it(
    home: Home, tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    look = f"""
        said = [os.getuid(), sorted(os.listdir("/fmn")), os.path.exists({str(home.root)!r})]
        said += [os.listdir("/sys/class/net")]
        for place in ("/fmn/job.json", "/fmn/environment.json", "/fmn/submission/method.py", "/etc/passwd"):
            try:
                open(place, "a").close()
                said.append(place)
            except OSError:
                pass
        for attempt in (lambda: os.kill(1, signal.SIGKILL), lambda: os.listdir("/proc/1/fd")):
            try:
                said.append(attempt())
            except PermissionError:
                pass
        raise KeyError(str(said))
    """
    executor, job = a_job(home, tiny_spec, attacked(tmp_path, look))
    (line,) = last_lines(end_of(executor, job, home))
    seen = ["environment.json", "job.json", "outbox", "parents", "submission", "train.safetensors"]
    assert line == f"KeyError: {str([65534 if os.geteuid() == 0 else os.geteuid(), seen, False, ['lo']])!r}"


def test_a_container_ends_when_all_of_its_job_is_killed_on_the_node(
    home: Home, tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    """Podman's own processes are no children of the job: what Slurm kills does not reach them."""
    beating = f"""
        {OUTBOX}
        while True:
            with open(outbox + "/beat", "a") as beat:
                beat.write("x")
            time.sleep(0.02)
    """
    executor, job = a_job(home, tiny_spec, attacked(tmp_path, beating))
    trainer = executor.start(job)
    beat = folder_of(home, job).outbox / "beat"
    wait_until(beat.exists, limit_s=120)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder_of(home, job).path) in words and b"conmon" not in words:
            os.kill(int(process.name), signal.SIGKILL)
    time.sleep(0.5)
    num_beats = beat.stat().st_size
    time.sleep(0.5)
    assert beat.stat().st_size == num_beats
    wait_until(lambda: trainer.poll() is not None, limit_s=60)
    evidence = trainer.poll()
    assert evidence is not None
    assert decide(evidence)[0] == "environment"


def test_a_contained_job_at_its_time_limit_is_requeued_and_goes_on_from_its_last_checkpoint(
    home: Home, tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    slow = write_submission(tmp_path / "slow", SLOW)
    evidence, folder = interrupted(
        home, tiny_spec, slow, lambda job_id: run_command("scancel", "--signal=USR2", job_id)
    )
    assert evidence == Evidence(exit_code=0)
    assert 0 < rest_after(folder) < all_updates(folder)


def test_a_node_unlike_the_one_that_names_states_is_found_from_inside(
    home: Home, tiny_spec: BenchmarkSpec, plain: Path, node: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = json.loads(node.read_text())
    said["environment"]["cpu_capability"] = "AVX9000"
    (tmp_path / "node.json").write_text(json.dumps(said))
    monkeypatch.setattr(SlurmExecutor, "_remembered_at", lambda self, device: tmp_path / "node.json")  # pyright: ignore
    executor, job = a_job(home, tiny_spec, plain)
    with pytest.raises(SlurmError, match=r"cpu_capability is '.*' and not 'AVX9000'.*constraint"):
        end_of(executor, job, home)


def test_nodes_without_the_image_are_refused_in_a_sentence_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_SLURM_IMAGE", "forget-me-not/nowhere:latest")
    home = Home(tmp_path / "home")
    ask_for_podman(home)
    executor = SlurmExecutor(home)
    with pytest.raises(SlurmError, match="the image forget-me-not/nowhere:latest is not usable there"):
        executor.environment("cpu")


@pytest.mark.parametrize("was_contained", [False, True])
def test_a_trainer_is_gone_on_with_where_it_is_as_isolated_as_a_new_one_would_be(
    home: Home, tiny_spec: BenchmarkSpec, tmp_path: Path, was_contained: bool
) -> None:
    """States of a trainer without isolation would have counted as made in a container."""
    if not was_contained:
        (home.root / OPTIONS_FILE).unlink()
    slow = write_submission(tmp_path / "slow", "time.sleep(600)")
    first, job = a_job(home, tiny_spec, slow)
    first.start(job)
    left = folder_of(home, job).job_id
    ask_for_podman(home)
    executor, job = a_job(home, tiny_spec, slow)
    executor.recover()
    trainer = executor.start(job)
    try:
        assert left is not None
        assert isinstance(trainer, AttachedTrainer) == was_contained
        assert (left in {each.job_id for each in queue_of_user().values() if each.is_alive}) == was_contained
    finally:
        trainer.kill()
