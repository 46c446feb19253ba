"""Supervision: whatever a trainer does, its states are collected, it is ended, and the reason is the right one."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmark.evaluation.scheduling import supervisor
from benchmark.evaluation.scheduling.eta import JobsProgress
from benchmark.evaluation.scheduling.supervisor import (
    JobResult,
    supervise,
)
from benchmark.executors.base import Executor, PreparedJob
from benchmark.executors.failure import Evidence, decide
from benchmark.executors.process import ProcessExecutor
from benchmark.plan.tree import checkpoint_steps
from benchmark.spec import BenchmarkSpec
from benchmark.store.origin import JobOrigin
from benchmark.store.state_store import Store
from benchmark.training.training_job import TrainingJob
from tests.executors.submissions import write_submission
from tests.executors.warm import WarmExecutor, jobs_of, processes_in, request, store_of, wait_until, warm_context
from tests.store.test_state_store import fill


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home"


def first_job(spec: BenchmarkSpec, submission: Path, root: Path) -> PreparedJob:
    return jobs_of(request(spec, submission, root), root)[0]


def run(executor: Executor, job: PreparedJob, root: Path, stall_s: float = 60.0) -> JobResult:
    (ended,) = supervise(executor, [job], store_of(root), workers=1, stall_s=stall_s, on_progress=lambda *_: None)
    return ended


@dataclass
class FakeTrainer:
    """Runs a function at every poll and ends when it returns evidence."""

    act: Callable[[], Evidence | None]
    killed: bool = False

    def poll(self) -> Evidence | None:
        return self.act()

    def kill(self) -> None:
        self.killed = True


@dataclass
class FakeExecutor(WarmExecutor):
    """Starts fake trainers that do what they are told to the outbox of their job."""

    act: Callable[[PreparedJob], Evidence | None] = lambda job: Evidence(0)
    trainers: list[FakeTrainer] = field(default_factory=list[FakeTrainer])

    def start(self, prepared: PreparedJob) -> FakeTrainer:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.trainers.append(FakeTrainer(lambda: self.act(prepared)))
        return self.trainers[-1]


@pytest.fixture
def job(tiny_spec: BenchmarkSpec, plain: Path, root: Path) -> PreparedJob:
    return first_job(tiny_spec, plain, root)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("os._exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "signal 15"),
        ("print('CUDA out of memory', flush=True); os._exit(137)", "exit code 137"),
        ("raise SystemExit(0)", "without delivering"),
    ],
)
def test_a_trainer_that_ends_itself_is_the_fault_of_the_submission(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path, statement: str, says: str
) -> None:
    job = first_job(tiny_spec, write_submission(tmp_path / "submission", statement), root)
    ended = run(WarmExecutor(), job, root)
    reason, message = decide(ended.evidence)
    assert reason == "submission"
    assert says in message


def test_a_process_that_is_killed_may_be_the_victim_of_the_kernel_and_is_not_booked_on_the_submission(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path
) -> None:
    """Without a container nobody can tell who sent SIGKILL; the run is trained again at the next call."""
    submission = write_submission(tmp_path / "submission", "os.kill(os.getpid(), signal.SIGKILL)")
    reason, _ = decide(run(WarmExecutor(), first_job(tiny_spec, submission, root), root).evidence)
    assert reason == "environment"


def test_an_error_that_only_says_out_of_memory_is_the_fault_of_the_submission_and_told_in_its_own_words(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path
) -> None:
    submission = write_submission(tmp_path / "submission", "raise RuntimeError('CUDA out of memory')")
    job = first_job(tiny_spec, submission, root)
    ended = run(WarmExecutor(), job, root)
    assert decide(ended.evidence)[0] == "submission"
    assert set(ended.failures) == {segment.key for segment in job.job.segments}
    assert all(each.error.endswith("RuntimeError: CUDA out of memory\n") for each in ended.failures.values())


def test_a_loss_that_raises_for_sparse_models_leaves_the_others(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path
) -> None:
    sparse = "(encoder.blocks['stage3_block1'].conv2.weight == 0).float().mean() > .65"
    fatal = f"if {sparse}: raise ValueError('too sparse')"
    prepared = request(tiny_spec, write_submission(tmp_path / "submission", fatal), root)
    ended = run(WarmExecutor(), jobs_of(prepared, root)[0], root)
    store = store_of(root)
    runs = prepared.plan.subtrees[0].runs
    delivered = [float(each.sparsity) for each in runs if store.has(each.state_key)]
    failed = [float(each.sparsity) for each in runs if each.state_key in ended.failures]
    assert set(delivered) == {0.0, 0.5}
    assert set(failed) == {0.9}
    assert len(delivered) + len(failed) == 7


def test_an_endless_loop_is_ended_at_the_stall_limit(tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path) -> None:
    submission = write_submission(tmp_path / "submission", "while True: time.sleep(0.01)")
    job = first_job(tiny_spec, submission, root)
    ended = run(WarmExecutor(), job, root, stall_s=1.0)
    assert decide(ended.evidence)[0] == "timeout"
    assert processes_in(root) == []


def test_claims_of_progress_beyond_the_job_do_not_keep_a_trainer_alive(job: PreparedJob, root: Path) -> None:
    claimed = iter(range(10**9, 10**10))

    def lie(job: PreparedJob) -> None:
        (job.outbox / "progress.json").write_text(f'{{"num_updates": {next(claimed)}, "loss": null}}')

    executor = FakeExecutor(act=lie)
    ended = run(executor, job, root, stall_s=0.5)
    assert decide(ended.evidence)[0] == "timeout"
    assert executor.trainers[0].killed


@pytest.mark.parametrize("told", ["", "{", '{"num_updates": -1, "loss": 0}', '{"num_updates": 1e999, "loss": 0}', "[]"])
def test_progress_that_makes_no_sense_is_no_progress(job: PreparedJob, root: Path, told: str) -> None:
    (job.outbox / "progress.json").write_text(told)
    seen: list[int] = []
    executor, store = FakeExecutor(), store_of(root)
    supervise(executor, [job], store, workers=1, stall_s=60, on_progress=lambda standing: seen.append(standing.updates))
    assert seen == [0]


def test_a_trainer_that_cannot_be_started_is_the_fault_of_the_environment(job: PreparedJob, root: Path) -> None:
    class NoMoreProcesses(FakeExecutor):
        def start(self, prepared: PreparedJob) -> FakeTrainer:  # pyright: ignore[reportIncompatibleMethodOverride]
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    ended = run(NoMoreProcesses(), job, root)
    reason, message = decide(ended.evidence)
    assert reason == "environment"
    assert os.strerror(errno.EAGAIN) in message


def test_no_trainer_outlives_the_supervisor_even_when_nothing_can_be_collected(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Collecting from the first trainer failed on a full disk, and the second one was never killed."""
    jobs = jobs_of(request(tiny_spec, plain, root), root)
    executor = FakeExecutor(act=lambda job: None)

    def interrupt(standing: JobsProgress) -> None:
        for job in jobs:
            key = job.job.segments[0].key
            fill(job.outbox / key, key)
        raise KeyboardInterrupt

    def full(self: Store, key: str, source: Path, made_by: JobOrigin) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Store, "publish", full)
    with pytest.raises(OSError, match="No space left"):
        supervise(executor, jobs, store_of(root), workers=2, stall_s=60, on_progress=interrupt)
    assert [trainer.killed for trainer in executor.trainers] == [True, True]


def test_only_as_many_trainers_run_at_once_as_there_are_workers(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    jobs = jobs_of(request(tiny_spec, plain, root), root)
    executor = FakeExecutor()
    running: list[int] = []
    executor.act = lambda job: running.append(len(executor.trainers)) or Evidence(0)
    supervise(executor, jobs, store_of(root), workers=1, stall_s=60, on_progress=lambda *_: None)
    assert running == [1, 2]


@pytest.mark.parametrize("kind", ["gone", "file", "link"])
def test_an_outbox_that_is_no_folder_any_more_ends_nothing_but_its_job(job: PreparedJob, root: Path, kind: str) -> None:
    def spoil(job: PreparedJob) -> Evidence:
        for path in job.outbox.iterdir():
            path.unlink()
        job.outbox.rmdir()
        if kind == "file":
            job.outbox.write_text("")
        if kind == "link":
            job.outbox.symlink_to("nowhere")
        return Evidence(0)

    ended = run(FakeExecutor(act=spoil), job, root)
    assert decide(ended.evidence)[0] == "invalid_output"
    assert ended.failures == {}


@pytest.mark.parametrize(
    "line", ["", "{", "[]", '{"key": 1, "error": "x"}', '{"key": "\\ud800", "error": "x"}', "\x00"]
)
def test_lines_of_failures_that_make_no_sense_are_left_out(job: PreparedJob, root: Path, line: str) -> None:
    (job.outbox / "failures.jsonl").write_text(f'{line}\n{{"key": "k", "error": "{"x" * 30_000}end"}}\n')
    ended = run(FakeExecutor(), job, root)
    assert list(ended.failures) == ["k"]
    assert len(ended.failures["k"].error) == 20_000
    assert ended.failures["k"].error.endswith("end")


def test_checkpoints_lie_strictly_inside_a_segment_at_multiples_of_the_interval(job: PreparedJob) -> None:
    for segment in job.job.segments:
        expected = [step for step in range(segment.start + 1, segment.stop) if step % 3 == 0]
        assert list(checkpoint_steps(segment, 3)) == expected


def _start_and_wait(job: PreparedJob, told: Path) -> None:
    trainer = ProcessExecutor().start(job)
    told.write_text(str(trainer.pid))
    time.sleep(600)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="children die with their parent on Linux only")
def test_a_trainer_dies_with_its_dispatcher_even_before_it_has_imported_anything(
    job: PreparedJob, tmp_path: Path
) -> None:
    """It asked for this only after importing torch: for seconds after its start it could be orphaned."""
    told = tmp_path / "pid"
    dispatcher = warm_context().Process(target=_start_and_wait, args=(job, told))  # pyright: ignore[reportAttributeAccessIssue]
    dispatcher.start()
    wait_until(lambda: told.exists() and told.read_text())
    dispatcher.kill()
    dispatcher.join()
    wait_until(lambda: not is_running(int(told.read_text())), limit_s=10)


def test_the_process_executor_ends_what_a_trainer_has_started(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path
) -> None:
    """A submission that leaves a process behind used to keep a core busy for ever."""
    submission = write_submission(tmp_path / "submission")
    method = submission / "method.py"
    method.write_text(f"import os, subprocess\nsubprocess.Popen(['sleep', '600'])\nos._exit(7)\n{method.read_text()}")
    job = first_job(tiny_spec, submission, root)
    ended = run(ProcessExecutor(), job, root)
    assert ended.evidence.exit_code == 7
    wait_until(lambda: processes_in(root) == [], limit_s=10)


def test_a_trainer_sees_a_few_variables_of_the_environment_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmark.executors.child_process import child_environment

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:password@host")
    seen = child_environment()
    assert not {"AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_URI", "FMN_HOME", "PYTHONPATH"} & set(seen)
    assert seen["OMP_NUM_THREADS"] == "1"


def test_the_states_of_a_job_are_named_when_its_trainer_starts(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were for all 500 seeds of a large plan, from the beginning to the end: 250 MiB."""
    named: list[str] = []

    def note(job: TrainingJob) -> frozenset[str]:
        named.append(job.root)
        return frozenset()

    monkeypatch.setattr(supervisor, "names_to_collect", note)
    executor, seen = WarmExecutor(), list[int]()
    monkeypatch.setattr(executor, "start", lambda job: FakeTrainer(lambda: Evidence(exit_code=1)))
    jobs = jobs_of(request(tiny_spec, plain, root), root)
    supervise(executor, jobs, store_of(root), workers=1, stall_s=60.0, on_progress=lambda _: seen.append(len(named)))
    assert len(jobs) == 2
    assert seen == [1, 2]
