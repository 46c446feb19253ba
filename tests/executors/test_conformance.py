"""What every executor must pass, promise by promise (`benchmark.executors.base.Executor` lists them).

A new executor joins by one more name in `PLACES` and one more case in `make_executor`. Promise 5 needs a dispatcher
that is killed, and promise 9 an executor that fails: each executor has these tests beside its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmark.evaluation import check
from benchmark.evaluation.check import check_submission
from benchmark.evaluation.preparation import Prepared, prepare
from benchmark.evaluation.scheduling.jobs import prepare_jobs
from benchmark.evaluation.scheduling.supervisor import JobResult, supervise
from benchmark.executors.base import Executor, PreparedJob
from benchmark.executors.docker.executor import DockerExecutor
from benchmark.executors.errors import ScorerError
from benchmark.executors.failure import Evidence, decide
from benchmark.executors.process import ProcessExecutor
from benchmark.executors.programs import MAX_LOG_BYTES
from benchmark.executors.slurm.executor import SlurmExecutor
from benchmark.spec import BenchmarkSpec, UserError
from benchmark.spec.canonical import canonical_json
from benchmark.store.layout import Home
from benchmark.store.origin import JobOrigin
from benchmark.store.state_store import Store
from tests.conftest import TINY
from tests.executors.engine import left_behind, require_engine
from tests.executors.slurm.cluster import require_slurm
from tests.executors.slurm.podman import ask_for_podman, containers_on_nodes, require_podman_on_nodes
from tests.executors.submissions import write_submission

PLACES = (
    "process", pytest.param("docker", marks=pytest.mark.engine), pytest.param("slurm", marks=pytest.mark.slurm),
    pytest.param("slurm-podman", marks=pytest.mark.slurm),
)  # fmt: skip


def make_executor(place: str, home: Home) -> Executor:
    """Make an executor for the jobs of a home; the test is skipped where it cannot be used."""
    if place == "process":
        return ProcessExecutor()
    if place == "slurm":
        require_slurm()
        return SlurmExecutor(home)
    if place == "slurm-podman":
        require_podman_on_nodes()
        ask_for_podman(home)
        return SlurmExecutor(home)
    require_engine(home.root)
    return DockerExecutor(home)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("conformance"))


@pytest.fixture(scope="module", params=PLACES)
def executor(request: pytest.FixtureRequest, shared_home: Home) -> Iterator[Executor]:
    made = make_executor(request.param, shared_home)
    yield made
    made.close()
    if made.isolation != "none":
        assert (containers_on_nodes if made.name == "slurm" else left_behind)(shared_home) == []


def job_of(executor: Executor, home: Home, spec: BenchmarkSpec, submission: Path) -> tuple[Prepared, PreparedJob]:
    """Prepare the job of the first seed."""
    prepared = prepare(spec, submission, home, executor, "cpu")
    jobs = prepare_jobs(
        home, Store(home.segments), prepared.plan, spec.tasks, prepared.data, prepared.admitted, "cpu",
        made_by=JobOrigin(isolation=executor.isolation, executor=executor.name),
    )  # fmt: skip
    return prepared, jobs[0]


def end_of(executor: Executor, job: PreparedJob, home: Home) -> JobResult:
    (ended,) = supervise(executor, [job], Store(home.segments), workers=1, stall_s=120, on_progress=lambda *_: None)
    return ended


def last_lines(ended: JobResult) -> set[str]:
    """Return the last line of every traceback that the trainer reported."""
    return {failure.error.strip().splitlines()[-1] for failure in ended.failures.values()}


def attacked(tmp_path: Path, statement: str) -> Path:
    return write_submission(tmp_path / "submission", statement)


def wait_for(path: Path) -> None:
    patience = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < patience, f"{path.name} did not come"
        time.sleep(0.1)


OUTBOX = 'outbox = "/fmn/outbox" if os.path.isdir("/fmn/outbox") else "."'
"""A statement of submissions that write into their outbox, in a container or not."""


# 1. The place changes no bit.


def test_an_honest_trainer_delivers_every_state_and_ends_with_zero(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec, plain: Path
) -> None:
    home = Home(tmp_path)
    prepared, job = job_of(executor, home, tiny_spec, plain)
    ended = end_of(executor, job, home)
    assert ended.evidence == Evidence(exit_code=0)
    assert ended.failures == {}
    runs = [run for run in prepared.plan.runs if run.seed == 0]
    assert all(Store(home.segments).has(run.state_key) for run in runs)


@pytest.mark.parametrize("other", PLACES[1:])
def test_weights_are_byte_equal_in_every_place(
    tmp_path: Path, tiny_spec: BenchmarkSpec, plain: Path, other: str
) -> None:
    places = ("process", other)
    for place in places:
        make_executor(place, Home(tmp_path / place)).close()  # skips before anything is trained
    weights: list[dict[tuple[str, str], bytes]] = []
    environments: list[dict[str, Any]] = []
    for place in places:
        home = Home(tmp_path / place)
        executor = make_executor(place, home)
        try:
            prepared, job = job_of(executor, home, tiny_spec, plain)
            end_of(executor, job, home)
            environments.append(executor.environment("cpu"))
        finally:
            executor.close()
        store = Store(home.segments)
        weights.append(
            {
                (run.schedule, str(run.sparsity)): (store.path(run.state_key) / "encoder.safetensors").read_bytes()
                for run in prepared.plan.runs
                if run.seed == 0
            }
        )
    assert all(each == environments[0] for each in environments)
    assert all(each == weights[0] for each in weights)


# 2. One environment is named by one description.


def test_the_environment_is_plain_json_without_paths(executor: Executor) -> None:
    described = executor.environment("cpu")
    assert json.loads(canonical_json(described)) == described
    assert "/" not in str(described)
    assert described["threads"] == 1
    assert executor.environment("cpu") == described


def test_what_changes_no_bit_is_told_apart(executor: Executor) -> None:
    facts = executor.provenance("cpu")
    assert facts["python"].startswith(executor.environment("cpu")["python"])
    assert json.loads(canonical_json(facts)) == facts


# 3. How a trainer ended is taken from the system.


def test_an_exit_code_is_seen_and_nothing_that_is_printed_counts(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec
) -> None:
    submission = attacked(tmp_path, 'print("CUDA out of memory, accuracy=1.0", flush=True)\nos._exit(7)')
    home = Home(tmp_path / "home")
    _, job = job_of(executor, home, tiny_spec, submission)
    ended = end_of(executor, job, home)
    assert ended.evidence == Evidence(exit_code=7)
    assert decide(ended.evidence)[0] == "submission"
    assert "CUDA out of memory" in job.log.read_text()


def test_an_exception_of_the_submission_comes_back_with_its_text(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec
) -> None:
    submission = attacked(tmp_path, 'raise KeyError("my own mistake")')
    home = Home(tmp_path / "home")
    _, job = job_of(executor, home, tiny_spec, submission)
    ended = end_of(executor, job, home)
    assert decide(ended.evidence)[0] == "submission"
    assert last_lines(ended) == {"KeyError: 'my own mistake'"}


# 4. A killed trainer ends, with everything that it has started.


def test_a_trainer_that_ignores_signals_ends_when_it_is_killed_and_stays_ended(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec
) -> None:
    waiting = f"""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        {OUTBOX}
        open(outbox + "/started", "w").close()
        time.sleep(600)
    """
    home = Home(tmp_path / "home")
    _, job = job_of(executor, home, tiny_spec, attacked(tmp_path, waiting))
    trainer = executor.start(job)
    try:
        assert trainer.poll() is None
        wait_for(job.outbox / "started")
    finally:
        trainer.kill()
    evidence = trainer.poll()
    assert evidence is not None
    assert evidence.exit_code != 0
    trainer.kill()
    assert trainer.poll() == evidence


def test_what_a_trainer_has_started_ends_with_it(executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec) -> None:
    starting = f"""
        {OUTBOX}
        if os.fork() == 0:
            while True:
                with open(outbox + "/beat", "a") as beat:
                    beat.write("x")
                time.sleep(0.05)
        time.sleep(600)
    """
    home = Home(tmp_path / "home")
    _, job = job_of(executor, home, tiny_spec, attacked(tmp_path, starting))
    trainer = executor.start(job)
    try:
        wait_for(job.outbox / "beat")
    finally:
        trainer.kill()
    num_beats = (job.outbox / "beat").stat().st_size
    time.sleep(0.5)
    assert (job.outbox / "beat").stat().st_size == num_beats


# 5. No trainer outlives its dispatcher.


def test_there_is_nothing_to_recover_where_nothing_was_lost(executor: Executor) -> None:
    assert executor.recover() == 0


# 6. A trainer gets no secret.


def test_secrets_of_the_dispatcher_are_not_passed_on(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_SECRET", "open sesame")
    submission = attacked(tmp_path, 'raise KeyError(sorted(name for name in os.environ if "FMN" in name))')
    home = Home(tmp_path / "home")
    _, job = job_of(executor, home, tiny_spec, submission)
    assert last_lines(end_of(executor, job, home)) == {"KeyError: []"}


# 7. What is printed is kept, bounded, and safe to show.


def test_a_log_is_bounded_keeps_its_end_and_is_obeyed_by_no_terminal(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec
) -> None:
    """A submission that printed a lot left a log of 53 MB under the process executor."""
    flood = """
        for number in range(120):
            os.write(1, b"\\x1b[31m" * 20_000)
        os.write(1, b"the very end\\n")
        os._exit(7)
    """
    home = Home(tmp_path / "home")
    _, job = job_of(executor, home, tiny_spec, attacked(tmp_path, flood))
    end_of(executor, job, home)
    assert job.log.stat().st_size <= MAX_LOG_BYTES
    kept = job.log.read_text()
    if executor.isolation == "none":  # the engine cuts the log of a container itself, and does not say so
        assert kept.startswith("[the beginning is missing: this log holds at most 4194304 bytes]\n")
    assert kept.endswith("the very end\n")
    assert "\x1b" not in kept


# 8. A trial ends at its time limit, and its answer is bounded text.


def test_a_submission_is_tried_where_trainers_run_and_its_problems_come_back_with_their_line(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec, plain: Path
) -> None:
    assert check_submission(plain, tiny_spec, executor) == ()
    with pytest.raises(UserError, match=r"method\.py:\d+.*my own mistake"):
        check_submission(attacked(tmp_path, 'raise KeyError("my own mistake")'), tiny_spec, executor)


def test_a_tried_submission_that_never_ends_is_ended(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "REHEARSAL_WALL_S", 15)
    with pytest.raises(UserError, match="four updates within 15 s, got no end"):
        check_submission(attacked(tmp_path, "while True: time.sleep(1)"), tiny_spec, executor)


def test_a_tried_submission_that_uses_up_its_processor_time_is_ended_at_its_line(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "REHEARSAL_LIMIT_S", 5)
    said = r"method\.py:\d+: expected four updates within 5 s of processor time, got no end"
    with pytest.raises(UserError, match=said):
        check_submission(attacked(tmp_path, "while True: pass"), tiny_spec, executor)


@pytest.mark.parametrize("answer", ["[[1, 2]]", '{"seconds": NaN}', "[" * 50_000, "\x1b[2J[]", ""])
def test_an_answer_that_a_tried_submission_made_up_is_a_problem_and_obeyed_by_no_terminal(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec, answer: str
) -> None:
    """It finds the descriptor that the rehearsal answers on, says what it likes, and leaves."""
    lie = f"""
        for descriptor in range(3, 32):
            try:
                os.write(descriptor, {answer.encode()!r})
            except OSError:
                pass
        os._exit(0)
    """
    with pytest.raises(UserError, match=r"method\.py") as caught:
        check_submission(attacked(tmp_path, lie), tiny_spec, executor)
    assert all(line.isprintable() for line in str(caught.value).splitlines())


def test_a_trial_that_prints_without_end_leaves_bounded_text(
    executor: Executor, tmp_path: Path, tiny_spec: BenchmarkSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "REHEARSAL_WALL_S", 30)
    flood = """
        for number in range(400):
            os.write(2, b"x" * 100_000)
        os._exit(7)
    """
    with pytest.raises(UserError, match=r"four updates within 30 s, got exit 7: x+$") as caught:
        check_submission(attacked(tmp_path, flood), tiny_spec, executor)
    assert len(str(caught.value)) < 5000


# 10. A scorer that fails says why.


def test_a_scorer_that_fails_says_how_it_ended_and_where_all_its_output_is(
    executor: Executor, tmp_path: Path, shared_home: Home
) -> None:
    folder = shared_home.root / ".scoring-test"
    folder.mkdir(exist_ok=True)
    shared_home.outcomes.mkdir(parents=True, exist_ok=True)
    shared_home.data.mkdir(parents=True, exist_ok=True)
    job: dict[str, Any] = {
        "spec": load_tiny(), "cache": str(shared_home.outcomes), "workers": 1,
        "tasks": [{
            "name": "digits", "index": 0, "num_classes": 10, "train_digest": "a", "test_digest": "b", "runs": [],
            "train_file": str(shared_home.data / "absent"), "test_file": str(shared_home.data / "absent"),
        }],
    }  # fmt: skip
    (shared_home.data / "absent").write_bytes(b"this is no safetensors file")
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "out").mkdir(exist_ok=True)
    log = shared_home.logs / "scoring-test.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text("of an earlier scoring")
    with pytest.raises(ScorerError, match=r"SafetensorError[^$]*exit code 1") as caught:
        executor.score(folder / "job.json", folder / "out", log, lambda: None)
    assert str(log) in str(caught.value)
    assert log.read_text().startswith("Traceback (most recent call last)")


def load_tiny() -> Any:
    return yaml.safe_load(TINY)
