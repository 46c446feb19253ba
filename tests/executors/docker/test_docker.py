"""The docker executor against a real engine: what it starts, what it sees, and that it leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from benchmark.evaluation.evaluate import evaluate
from benchmark.evaluation.preparation import prepare
from benchmark.executors.base import PreparedJob
from benchmark.executors.docker import executor as module
from benchmark.executors.docker import staging
from benchmark.executors.docker.engine import Engine
from benchmark.executors.docker.executor import DockerExecutor
from benchmark.executors.docker.images import SCORER_IMAGE, TRAINER_IMAGE, ImageError
from benchmark.executors.docker.limits import (
    DEADLINE_LABEL,
    DISPATCHER_LABEL,
    HOME_LABEL,
    ROLE_LABEL,
    Limits,
    host_config,
)
from benchmark.executors.failure import decide
from benchmark.executors.process import ProcessExecutor
from benchmark.executors.select import choose_executor
from benchmark.recording.record import EvaluationRecord
from benchmark.spec import BenchmarkSpec
from benchmark.store.layout import Home
from benchmark.store.outbox import remove_tree
from tests.executors.engine import left_behind, require_engine
from tests.executors.submissions import write_submission
from tests.executors.test_conformance import job_of, wait_for
from tests.executors.warm import Notes

SLEEP = 'open("/fmn/outbox/started", "w").close()\ntime.sleep(600)'

DISPATCHER = """
import sys
from pathlib import Path
from benchmark.executors.docker.executor import DockerExecutor
from benchmark.evaluation.evaluate import evaluate
from benchmark.evaluation.preparation import prepare
from benchmark.store.layout import Home
from benchmark.spec.documents.loading import load_spec
from tests.executors.warm import Notes

def main():
    home = Home(Path(sys.argv[1]))
    executor = DockerExecutor(home)
    try:
        prepared = prepare(load_spec(sys.argv[2]), Path(sys.argv[3]), home, executor, "cpu")
        evaluate(prepared, home, executor, Notes(), workers=2)
    finally:
        executor.close()

main()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    require_engine(tmp_path)
    return Home(tmp_path / "home")


@pytest.fixture
def executor(home: Home) -> Iterator[DockerExecutor]:
    home.root.mkdir()
    made = DockerExecutor(home)
    yield made
    made.close()
    assert left_behind(home) == []


def sleeping_job(executor: DockerExecutor, home: Home, spec: BenchmarkSpec, tmp_path: Path) -> PreparedJob:
    return job_of(executor, home, spec, write_submission(tmp_path / "sleeper", SLEEP))[1]


def eventually(condition: Callable[[], bool], within_s: float = 60) -> None:
    patience = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.2)


def test_a_running_trainer_has_every_constant_and_only_its_own_files(
    executor: DockerExecutor, home: Home, tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    job = sleeping_job(executor, home, tiny_spec, tmp_path)
    trainer = executor.start(job)
    client = docker.from_env()
    try:
        wait_for(job.outbox / "started")
        mine = [f"{ROLE_LABEL}=trainer", f"{HOME_LABEL}={executor.labels[HOME_LABEL]}"]
        (found,) = client.api.containers(filters={"label": mine})
        seen = client.api.inspect_container(found["Id"])
        inside = client.api.exec_create(found["Id"], ["cat", "/proc/net/dev"])
        interfaces = client.api.exec_start(inside["Id"]).decode()
    finally:
        client.close()
        trainer.kill()
    asked = host_config(Limits(), {}, num_cpus=1, has_own_init=True)
    for name in ("NetworkMode", "ReadonlyRootfs", "Privileged", "CapDrop", "SecurityOpt", "IpcMode", "PidsLimit",
                 "Memory", "MemorySwap", "ShmSize", "NanoCpus", "Ulimits", "Tmpfs", "LogConfig", "Init"):  # fmt: skip
        assert seen["HostConfig"][name] == asked[name], name
    assert seen["Config"]["User"] == "65534:65534"
    assert {mount["Destination"]: mount["RW"] for mount in seen["Mounts"]} == {
        "/fmn/job.json": False, "/fmn/submission": False, "/fmn/train.safetensors": False, "/fmn/parents": False,
        "/fmn/outbox": True,
    }  # fmt: skip
    names = {variable.split("=")[0] for variable in seen["Config"]["Env"]}
    assert names == {"PATH", "LANG", "HOME", "PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
                     "OPENBLAS_NUM_THREADS"}  # fmt: skip
    assert [line.split(":")[0].strip() for line in interfaces.splitlines()[2:]] == ["lo"]
    assert {HOME_LABEL, DISPATCHER_LABEL, ROLE_LABEL, DEADLINE_LABEL} <= set(seen["Config"]["Labels"])
    assert job.job_file.parent.stat().st_mode & 0o777 == 0o700


def test_an_evaluation_gives_the_metrics_of_the_process_executor_and_names_its_images(
    executor: DockerExecutor, home: Home, tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    records: list[EvaluationRecord] = []
    for place, folder in ((executor, home), (ProcessExecutor(), Home(tmp_path / "process"))):
        prepared = prepare(tiny_spec, plain, folder, place, "cpu")
        records.append(evaluate(prepared, folder, place, Notes(), workers=2)[0])
    contained, bare = records
    assert contained.is_complete
    assert (contained.isolation, bare.isolation) == ("docker", "none")
    assert [run.metrics for run in contained.runs] == [run.metrics for run in bare.runs]
    assert contained.summary == bare.summary
    assert contained.cells == bare.cells
    assert contained.provenance.items() >= executor.provenance("cpu").items()
    assert all(contained.provenance[name].startswith("sha256:") for name in ("trainer_image", "scorer_image"))
    assert contained.environment == bare.environment
    assert [run.state_key for run in contained.runs] == [run.state_key for run in bare.runs]
    assert list(home.jobs.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_runs_on_when_the_dispatcher_is_ended(
    number: signal.Signals, home: Home, tiny_spec_file: Path, tmp_path: Path
) -> None:
    submission = write_submission(tmp_path / "sleeper", SLEEP)
    command = [sys.executable, "-c", DISPATCHER, str(home.root), str(tiny_spec_file), str(submission)]
    root = Path(__file__).parents[3]
    dispatcher = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=root)
    eventually(lambda: len(list(home.jobs.glob("*/outbox/started"))) == 2, within_s=180)
    dispatcher.send_signal(number)
    assert dispatcher.wait(timeout=60) != 0
    eventually(lambda: left_behind(home) == [])
    if number == signal.SIGINT:
        assert list(home.jobs.iterdir()) == []


def test_orphans_of_this_home_are_removed_and_others_left_alone(executor: DockerExecutor, home: Home) -> None:
    engine = Engine()
    image = engine.image(TRAINER_IMAGE)
    assert image is not None
    config = host_config(Limits(memory=64 << 20), {}, num_cpus=1)
    mine = {**executor.labels, DISPATCHER_LABEL: "dead", ROLE_LABEL: "trainer", DEADLINE_LABEL: "9e9"}
    try:
        orphan = engine.start(image, ["sleep", "600"], config, mine)
        other = engine.start(image, ["sleep", "600"], config, {**mine, HOME_LABEL: "another home"})
        assert executor.recover() == 1
        assert orphan.join(10) is not None
        assert other.poll() is None
    finally:
        engine.remove_labelled({DISPATCHER_LABEL: "dead"})
        engine.close()


def test_a_sweep_ends_overdue_containers_of_anybody_and_no_others(executor: DockerExecutor) -> None:
    engine = Engine()
    image = engine.image(TRAINER_IMAGE)
    assert image is not None
    config = host_config(Limits(memory=64 << 20), {}, num_cpus=1)
    labels = {HOME_LABEL: "x", DISPATCHER_LABEL: "hung", ROLE_LABEL: "trainer"}
    try:
        overdue = engine.start(image, ["sleep", "600"], config, {**labels, DEADLINE_LABEL: str(time.time() - 1)})
        timely = engine.start(image, ["sleep", "600"], config, {**labels, DEADLINE_LABEL: str(time.time() + 600)})
        done = subprocess.run(
            [sys.executable, "-m", "benchmark.executors.docker.watchdog"], capture_output=True, text=True, check=True
        )
        assert done.stdout.endswith(" overdue containers ended\n")
        assert overdue.join(10) is not None
        assert timely.poll() is None
    finally:
        engine.remove_labelled({DISPATCHER_LABEL: "hung"})
        engine.close()


def test_a_gpu_that_the_engine_does_not_have_is_one_sentence_before_and_a_reason_after_the_start(
    executor: DockerExecutor, home: Home, tiny_spec: BenchmarkSpec, plain: Path
) -> None:
    engine = Engine()
    has_gpu = "nvidia" in engine.info()["Runtimes"] or bool(engine.info().get("DiscoveredDevices"))
    engine.close()
    if has_gpu:
        pytest.skip("this engine has GPUs")
    with pytest.raises(ValueError, match="cannot pass a GPU through") as caught:
        executor.environment("cuda")
    assert "\n" not in str(caught.value)
    assert executor.pick_device("auto") == executor.pick_device("cpu") == "cpu"
    with pytest.raises(ValueError, match="cannot pass a GPU through"):
        executor.pick_device("cuda")
    _, job = job_of(executor, home, tiny_spec, plain)
    asking = replace(job, job=job.job.model_copy(update={"device": "cuda"}))
    evidence = executor.start(asking).poll()
    assert evidence is not None
    assert decide(evidence)[0] == "environment"
    assert "cannot pass a GPU through" in decide(evidence)[1]


def test_folders_that_a_trainer_closed_to_its_host_are_removed_by_their_owner(
    executor: DockerExecutor, home: Home, tiny_spec: BenchmarkSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = 'os.makedirs("/fmn/outbox/a/b")\nos.chmod("/fmn/outbox/a", 0)\nos._exit(0)'
    _, job = job_of(executor, home, tiny_spec, write_submission(tmp_path / "closer", closing))
    trainer = executor.start(job)
    eventually(lambda: trainer.poll() is not None, within_s=120)
    assert (job.outbox / "a").stat().st_mode & 0o777 == 0
    seen: list[list[Path]] = []  # each time that its removal is tried; root's would succeed at once
    outbox = job.outbox.readlink()
    monkeypatch.setattr(staging.shutil, "rmtree", lambda _folder, ignore_errors: seen.append([*outbox.iterdir()]))
    executor.close()
    assert [len(entries) for entries in seen[:2]] == [2, 0]  # its folder and the report of its start, then nothing
    remove_tree(outbox.parents[1])


def test_a_container_mounts_nothing_from_the_home_and_its_neutral_places_are_removed(
    executor: DockerExecutor, home: Home, tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    """The path of the home, which names a user and his jobs, stood in /proc/self/mountinfo of every trainer."""
    job = sleeping_job(executor, home, tiny_spec, tmp_path)
    trainer = executor.start(job)
    client = docker.from_env()
    try:
        wait_for(job.outbox / "started")
        mine = [f"{ROLE_LABEL}=trainer", f"{HOME_LABEL}={executor.labels[HOME_LABEL]}"]
        (found,) = client.api.containers(filters={"label": mine})
        sources = [Path(mount["Source"]) for mount in client.api.inspect_container(found["Id"])["Mounts"]]
    finally:
        client.close()
        trainer.kill()
    assert not any(source.is_relative_to(tmp_path) for source in sources)
    (root,) = {source.parent.parent for source in sources}
    assert root.parent == Path("/var/tmp")
    assert root.stat().st_mode & 0o777 == 0o700
    assert (job.outbox / "started").exists()  # through the link that its job keeps
    executor.close()
    assert not root.exists()


def test_states_in_the_outbox_of_a_killed_dispatcher_are_still_there_for_the_next_one(
    executor: DockerExecutor, home: Home, tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    killed = DockerExecutor(home)
    job = sleeping_job(killed, home, tiny_spec, tmp_path)
    trainer = killed.start(job)
    wait_for(job.outbox / "started")
    trainer.kill()
    root = job.outbox.readlink().parents[1]
    executor.recover()
    assert (job.outbox / "started").exists()
    remove_tree(job.job_file.parent)  # as taking over its states does
    executor.close()
    assert not root.exists()
    killed.close()  # its watchdog would stay until this program ends


def test_images_of_other_code_are_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "code_digest", lambda: "0" * 64)
    with pytest.raises(ImageError, match="holds other code than this checkout: run `make image`"):
        DockerExecutor(home)
    monkeypatch.setattr(module, "TRAINER_IMAGE", "forget-me-not/absent")
    with pytest.raises(ImageError, match="is not there: run `make image` once"):
        DockerExecutor(home)


@pytest.mark.parametrize("tag", [TRAINER_IMAGE, SCORER_IMAGE])
def test_images_declare_no_volume_no_port_and_no_root(tag: str, home: Home) -> None:
    client = docker.from_env()
    try:
        config = client.api.inspect_image(tag)["Config"]
    finally:
        client.close()
    assert not config.get("Volumes")  # so that no container can leave one behind
    assert not config.get("ExposedPorts")
    assert config["User"] == "65534:65534"


def test_with_an_engine_auto_is_docker_and_process_still_warns(home: Home) -> None:
    executor, warning = choose_executor("auto", home)
    assert isinstance(executor, DockerExecutor)
    executor.close()
    assert warning is None
    assert choose_executor("process", home)[1] is not None
