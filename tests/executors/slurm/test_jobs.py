"""The slurm executor on a real cluster: the bits of `process`, also where jobs and dispatchers do not last."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.evaluation.scheduling import jobs as preparation
from benchmark.executors.base import PreparedJob
from benchmark.executors.failure import Evidence, decide
from benchmark.executors.slurm import scheduler
from benchmark.executors.slurm.executor import SlurmExecutor
from benchmark.executors.slurm.node_job import FOLDER, JobFolder
from benchmark.executors.slurm.scheduler import SlurmError, queue_of_user, run_command
from benchmark.executors.slurm.states import OUT_OF_TIME
from benchmark.recording.archive import read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.spec import BenchmarkSpec
from benchmark.store.layout import Home
from tests.conftest import Evaluated
from tests.executors.slurm.cluster import require_slurm, take_down_and_resume
from tests.executors.submissions import write_submission
from tests.executors.test_conformance import end_of, job_of
from tests.executors.warm import wait_until

SLOW = "time.sleep(0.1)"
"""Makes the plain submission slow enough to be interrupted; it computes the same."""


@pytest.fixture(autouse=True)
def _cluster() -> None:
    require_slurm()


@pytest.fixture(scope="module")
def node_facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the nodes compute on, asked once: all of them are this machine."""
    require_slurm()
    executor = SlurmExecutor(Home(tmp_path_factory.mktemp("facts")))
    return {"environment": executor.environment("cpu"), **executor.provenance("cpu")}


@pytest.fixture
def home(tmp_path: Path, node_facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose executors know already what nodes compute on, and whose trainers save a state at every update."""
    remembered = {"environment": node_facts["environment"], "python": node_facts["python"]}
    path = tmp_path / "node.json"
    path.write_text(json.dumps(remembered))
    monkeypatch.setattr(SlurmExecutor, "_remembered_at", lambda self, device: path)  # pyright: ignore
    monkeypatch.setattr(preparation, "CHECKPOINT_EVERY_S", 0.01)
    monkeypatch.setattr(scheduler, "_ASK_EVERY_S", 1.0)
    return Home(tmp_path / "home")


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    return write_submission(tmp_path / "slow", SLOW)


def a_job(home: Home, spec: BenchmarkSpec, submission: Path) -> tuple[SlurmExecutor, PreparedJob]:
    home.root.mkdir(exist_ok=True)
    executor = SlurmExecutor(home)
    _, job = job_of(executor, home, spec, submission)
    return executor, job


def folder_of(home: Home, job: PreparedJob) -> JobFolder:
    return JobFolder(home.root / FOLDER / job.job_file.parent.name)


def has_saved(home: Home, job: PreparedJob, num_states: int = 3) -> bool:
    """Return whether a trainer has handed out so many states, in its outbox or already in the store."""
    outbox = [path for path in folder_of(home, job).outbox.glob("*") if len(path.name) == 64]
    return len(outbox) + len(list(home.segments.glob("*/*"))) >= num_states


def interrupted(
    home: Home, spec: BenchmarkSpec, submission: Path, interrupt: Any, num_states: int = 3
) -> tuple[Evidence, JobFolder]:
    """Run the first seed's job; once it has saved states, do something to it. The folder of the job is kept."""
    executor, job = a_job(home, spec, submission)
    done: list[bool] = []
    poll = SlurmExecutor.start

    def start(self: SlurmExecutor, prepared: PreparedJob) -> Any:
        trainer = poll(self, prepared)
        inner = trainer.poll

        def look() -> Evidence | None:
            if not done and has_saved(home, job, num_states):
                done.append(True)
                interrupt(folder_of(home, job).job_id)
            return inner()

        trainer.poll = look  # pyright: ignore[reportAttributeAccessIssue]
        return trainer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SlurmExecutor, "start", start)
        ended = end_of(executor, job, home)
    assert done
    return ended.evidence, folder_of(home, job)


def rest_after(folder: JobFolder) -> int:
    """Return how many updates the job had left when Slurm started it for the last time."""
    segments = json.loads((folder.path / "rest.json").read_text())["segments"]
    return sum(each["stop"] - each["start"] for each in segments)


def all_updates(folder: JobFolder) -> int:
    return sum(each["stop"] - each["start"] for each in json.loads(folder.job_file.read_text())["segments"])


def numbers(record: EvaluationRecord) -> list[Any]:
    """Give everything of a record that is measured of what was trained."""
    runs = [run.model_dump(exclude={"state_key", "train_s"}) for run in record.runs]
    return [runs, [cell.model_dump() for cell in record.cells], record.summary, record.references]


def fmn(root: Path, *words: object, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmark", *map(str, words)]
    environment = os.environ | {"FMN_HOME": str(root)} | variables
    return subprocess.Popen(
        command, env=environment, cwd=root.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def trainer_ids(root: Path) -> set[str]:
    """Give the numbers of the trainers' jobs of a home."""
    folders = [JobFolder(path) for path in (root / FOLDER).glob("*-*") if path.is_dir()]
    return {job_id for each in folders if each.job_file.exists() and (job_id := each.job_id) is not None}


def trainer_names(root: Path) -> set[str]:
    """Give the names of the folders of the trainers' jobs of a home."""
    return {path.name for path in (root / FOLDER).glob("*-*") if (path / "job.json").exists()}


def test_an_evaluation_on_the_cluster_has_the_bits_of_one_on_this_machine(
    tmp_path: Path, evaluated: Evaluated, tiny_spec_file: Path, plain: Path
) -> None:
    root = tmp_path / "home"
    process = fmn(root, "evaluate", plain, "--spec", tiny_spec_file, "--executor", "slurm", "--device", "cpu")
    printed, _ = process.communicate(timeout=400)
    assert process.returncode == 0, printed
    (path,) = (root / "records").rglob("*.json")
    record = read_record(path)
    assert "isolation is off: submitted code runs as a job of yours" in printed
    assert (record.isolation, record.provenance["executor"]) == ("none", "slurm")
    assert record.provenance["slurm"].startswith("slurm")
    assert record.evaluation_key == evaluated.record.evaluation_key
    assert numbers(record) == numbers(evaluated.record)
    for run in record.runs:
        there, here = (
            home / "segments" / run.state_key[:2] / run.state_key / "encoder.safetensors"
            for home in (root, evaluated.root)
        )
        assert there.read_bytes() == here.read_bytes()
    assert [path.name for path in (root / FOLDER).iterdir() if path.is_dir()] == []


def test_a_killed_dispatcher_is_followed_by_one_that_goes_on_with_its_jobs_and_submits_none_twice(
    tmp_path: Path, tiny_spec_file: Path, evaluated: Evaluated
) -> None:
    root, slow = tmp_path / "home", write_submission(tmp_path / "slow", "time.sleep(0.2)")
    words = ("evaluate", slow, "--spec", tiny_spec_file, "--executor", "slurm", "--device", "cpu")
    first = fmn(root, *words)
    try:
        wait_until(lambda: sum(1 for _ in (root / FOLDER).glob("*/started")) >= 2, limit_s=120)
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    submitted, names = trainer_ids(root), trainer_names(root)
    assert len(submitted) == 2
    second = fmn(root, *words, FMN_LOG_LEVEL="info")
    printed, _ = second.communicate(timeout=400)
    assert second.returncode == 0, printed
    assert any(f"job {job_id} of an earlier call goes on" in printed for job_id in submitted)
    roots = {name.partition("-")[0] for name in names}
    trainers = {each.job_id for each in queue_of_user().values() if set(each.name.split("-")) & roots}
    assert trainers <= submitted, "a tree was submitted twice"
    (path,) = (root / "records").rglob("*.json")
    record = read_record(path)
    assert numbers(record) == numbers(evaluated.record)
    assert record.cost.num_updates == evaluated.record.cost.num_updates


def test_ctrl_c_leaves_jobs_in_the_queue_and_says_how_to_cancel_them(
    tmp_path: Path, tiny_spec_file: Path, slow: Path
) -> None:
    root = tmp_path / "home"
    process = fmn(root, "evaluate", slow, "--spec", tiny_spec_file, "--executor", "slurm", "--device", "cpu")
    try:
        wait_until(lambda: len(trainer_ids(root)) == 2, limit_s=120)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, printed
    assert "2 jobs go on in Slurm's queue" in printed
    queue = run_command("squeue", "--me", "--noheader", "--format=%i %T")
    assert all(f"{job_id} " in queue for job_id in trainer_ids(root))
    cancelling = fmn(root, "cancel")
    printed, _ = cancelling.communicate(timeout=120)
    assert cancelling.returncode == 0, printed
    assert "2 jobs cancelled" in printed
    queue = run_command("squeue", "--me", "--noheader", "--format=%i %T")
    assert trainer_ids(root) == set()


def test_a_job_that_is_pre_empted_goes_on_from_its_last_checkpoint(
    home: Home, tiny_spec: BenchmarkSpec, slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_SLURM_PARTITION", "low")

    def crowd_out(job_id: str) -> None:
        run_command("sbatch", "--partition=high", "--cpus-per-task=8", "--output=/dev/null", "--wrap", "sleep 1")

    evidence, folder = interrupted(home, tiny_spec, slow, crowd_out)
    assert evidence == Evidence(exit_code=0)
    assert 0 < rest_after(folder) < all_updates(folder)


def test_a_job_at_its_time_limit_is_requeued_and_goes_on_from_its_last_checkpoint(
    home: Home, tiny_spec: BenchmarkSpec, slow: Path
) -> None:
    """Slurm sends USR2 some time before the limit, as submitit asks for."""
    evidence, folder = interrupted(
        home, tiny_spec, slow, lambda job_id: run_command("scancel", "--signal=USR2", job_id)
    )
    assert evidence == Evidence(exit_code=0)
    assert 0 < rest_after(folder) < all_updates(folder)


def test_a_job_that_comes_to_no_checkpoint_within_its_time_limit_is_not_started_for_ever(
    home: Home, tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    stuck = write_submission(tmp_path / "stuck", "time.sleep(600)")
    executor, job = a_job(home, tiny_spec, stuck)
    trainer = executor.start(job)
    wait_until(lambda: folder_of(home, job).started.exists(), limit_s=120)
    run_command("scancel", "--signal=USR2", folder_of(home, job).job_id or "")
    wait_until(lambda: trainer.poll() is not None, limit_s=60)
    evidence = trainer.poll()
    assert evidence == Evidence(exit_code=None, lost=OUT_OF_TIME)
    executor.close()


def test_a_job_whose_node_goes_down_goes_on_when_there_is_one_again(
    home: Home, tiny_spec: BenchmarkSpec, slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_SLURM_PARTITION", "fragile")

    def take_down(job_id: str) -> None:
        take_down_and_resume("fragile")

    evidence, folder = interrupted(home, tiny_spec, slow, take_down)
    assert evidence == Evidence(exit_code=0)
    assert rest_after(folder) < all_updates(folder)


def test_a_job_above_its_memory_is_out_of_memory(
    home: Home, tiny_spec: BenchmarkSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_SLURM_MEMORY", "900M")
    greedy = write_submission(tmp_path / "greedy", "taken = bytearray(os.urandom(1 << 20)) * 2000\ntime.sleep(60)")
    executor, job = a_job(home, tiny_spec, greedy)
    ended = end_of(executor, job, home)
    assert decide(ended.evidence)[0] == "out_of_memory", ended.evidence
    executor.close()


def test_a_job_that_somebody_cancels_is_not_booked_on_the_submission(
    home: Home, tiny_spec: BenchmarkSpec, slow: Path
) -> None:
    evidence, _ = interrupted(home, tiny_spec, slow, lambda job_id: run_command("scancel", job_id), num_states=1)
    reason, sentence = decide(evidence)
    assert reason == "environment"
    assert "cancelled" in sentence


def test_a_node_unlike_the_one_that_names_states_is_said_at_once(
    home: Home, tiny_spec: BenchmarkSpec, plain: Path, node_facts: dict[str, Any], tmp_path: Path
) -> None:
    other = {**node_facts["environment"], "cpu_capability": "AVX9000"}
    (tmp_path / "node.json").write_text(json.dumps({"environment": other, "python": "3"}))
    executor, job = a_job(home, tiny_spec, plain)
    with pytest.raises(SlurmError, match=r"cpu_capability is '.*' and not 'AVX9000'.*constraint"):
        end_of(executor, job, home)
    assert list(home.segments.glob("*/*")) == []
    executor.close()


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    queue = run_command("squeue", "--me", "--noheader", "--format=%i %j")
    ours = {JobFolder(path).job_id for path in (tmp_path / "home" / FOLDER).glob("*-*") if path.is_dir()}
    for line in queue.splitlines():
        if line.split()[0] in ours:
            run_command("scancel", line.split()[0])
    shutil.rmtree(tmp_path / "home", ignore_errors=True)
