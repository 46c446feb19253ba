"""The hostile suite: every folder beside this file attacks the benchmark in one way, and has one exact outcome.

Admission is judged everywhere. Everything else runs against a real Docker engine, and is skipped with one line where
none answers (never in CI).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
from benchmark.admission.gate import admit
from benchmark.evaluation.preparation import Prepared, prepare
from benchmark.evaluation.scheduling.jobs import prepare_jobs
from benchmark.evaluation.scheduling.supervisor import JobResult, supervise
from benchmark.evaluation.scorer_client import run_scorer
from benchmark.executors.base import Executor
from benchmark.executors.docker.executor import DockerExecutor
from benchmark.executors.docker.limits import Limits
from benchmark.executors.failure import decide
from benchmark.plan import Run
from benchmark.scoring.scoring_job import ScoredRun
from benchmark.spec import BenchmarkSpec, UserError
from benchmark.store.layout import Home
from benchmark.store.outbox import remove_tree
from benchmark.store.state_store import Store
from tests.executors.engine import left_behind, require_engine
from tests.executors.warm import WarmExecutor
from tests.hostile.cases import Case, load_cases

CASES = load_cases()
STATIC = [case for case in CASES if case.expect.outcome == "rejected"]
DYNAMIC = [case for case in CASES if case.expect.outcome != "rejected"]
EXECUTED = Path("/tmp/fmn-was-executed")
"""What hostile files would make if anybody ran them on this machine."""

KIND_LIMITS = replace(Limits(), memory=2 << 30, start_s=120.0, update_s=1.0)
LARGEST_KEPT = 64 << 20
"""No file of an honest state of these encoders is as large; whatever is handed over, no larger one may be kept."""
CHANCE = 0.2
"""Ten classes; the largest holds a tenth of the images, and a constant representation can name only one."""


@dataclass(frozen=True)
class CaseResult:
    """What became of one seed of a submission.

    Attributes:
        stored: per (schedule, sparsity) of a run that was delivered, its files by name.
        scored: the scorer's answers.
        refused: per run that was not delivered, reason and message.
        ended: how its trainer ended.
        log: what was kept of its output.
    """

    stored: dict[tuple[str, Decimal], dict[str, bytes]]
    scored: dict[tuple[str, Decimal], ScoredRun]
    refused: dict[tuple[str, Decimal], tuple[str, str]]
    ended: JobResult
    log: bytes


@pytest.mark.parametrize("case", STATIC, ids=lambda case: case.id)
def test_admission_refuses_it_at_once_by_file_and_field_and_executes_nothing(case: Case, tmp_path: Path) -> None:
    submission = case.copy_to(tmp_path / "submission")
    started = time.monotonic()
    with pytest.raises(UserError) as caught:
        admit(submission, tmp_path / "copy")
    assert time.monotonic() - started < 1
    message = str(caught.value)
    assert [word for word in case.expect.words if word not in message] == [], message
    assert all(line.isprintable() for line in message.splitlines())
    assert not (tmp_path / "copy").exists()
    assert not EXECUTED.exists()


@pytest.mark.parametrize("case", DYNAMIC, ids=lambda case: case.id)
def test_everything_else_is_admitted_so_that_containment_is_what_stops_it(case: Case, tmp_path: Path) -> None:
    assert admit(case.copy_to(tmp_path / "submission"), tmp_path / "copy").name == case.name


class SharedHome:
    """One home for all cases, so that each could reach what others left, with one executor per set of limits."""

    def __init__(self, home: Home, spec: BenchmarkSpec) -> None:
        self.home, self.spec = home, spec
        self._executors: dict[Limits, DockerExecutor] = {}

    def executor(self, limits: Limits) -> DockerExecutor:
        if limits not in self._executors:
            self._executors[limits] = DockerExecutor(self.home, limits=limits)
        return self._executors[limits]

    def close(self) -> None:
        for executor in self._executors.values():
            executor.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, tiny_spec: BenchmarkSpec) -> Iterator[SharedHome]:
    root = tmp_path_factory.mktemp("hostile")
    require_engine(root)
    shared = SharedHome(Home(root), tiny_spec)
    yield shared
    shared.close()


@pytest.fixture(scope="module")
def honest(shared: SharedHome) -> CaseResult:
    """The result of the case that attacks nothing."""
    return run(next(case for case in CASES if case.name == "honest"), shared)


@pytest.fixture
def _nothing_is_left(shared: SharedHome) -> Iterator[None]:
    yield
    assert left_behind(shared.home) == []
    assert list(shared.home.jobs.iterdir()) == []
    assert [path.name for path in shared.home.root.glob(".*") if path.name != ".lock"] == []
    assert list(shared.home.segments.glob(".*")) == []
    assert max((path.stat().st_size for path in shared.home.segments.rglob("*")), default=0) < LARGEST_KEPT
    assert not EXECUTED.exists()


@pytest.mark.usefixtures("_nothing_is_left")
@pytest.mark.parametrize("case", DYNAMIC, ids=lambda case: case.id)
def test_it_ends_as_expected_and_leaves_nothing(case: Case, shared: SharedHome, honest: CaseResult) -> None:
    judge(case, honest if case.name == "honest" else run(case, shared), honest)


@pytest.mark.usefixtures("_nothing_is_left")
def test_after_all_that_an_honest_run_gives_the_same_bytes(shared: SharedHome, honest: CaseResult) -> None:
    twin = next(case for case in CASES if case.name == "honest")
    again = run(twin, shared, changed="# the same again\n")
    assert {key: files["encoder.safetensors"] for key, files in again.stored.items()} == {
        key: files["encoder.safetensors"] for key, files in honest.stored.items()
    }
    assert {key: each.metrics for key, each in again.scored.items()} == {
        key: each.metrics for key, each in honest.scored.items()
    }


def judge(case: Case, got: CaseResult, honest: CaseResult) -> None:
    """Compare the result with what was expected, run by run."""
    expect = case.expect
    for key in honest.stored:
        outcome = expect.dense if expect.dense and key[0] == "dense" else expect.outcome
        scored, refused = got.scored.get(key), got.refused.get(key)
        if outcome == "finished":
            assert refused is None
            assert scored is None or scored.invalid is None
            continue
        reason, message = refused or ("invalid_output", (scored.invalid if scored else None) or "finished")
        assert (key, reason) == (key, expect.reason), message
        assert [word for word in expect.words if word not in message] == [], message
        assert message.isprintable(), "a message goes to terminals and pages"
    assert set(got.stored) <= set(honest.stored)
    assert b"\x1b" not in got.log
    assert len(got.log) <= 8 << 20
    if expect.twin:
        assert {key: files["encoder.safetensors"] for key, files in got.stored.items()} == {
            key: files["encoder.safetensors"] for key, files in honest.stored.items()
        }
    if expect.twin_scores:
        assert {key: each.metrics for key, each in got.scored.items()} == {
            key: each.metrics for key, each in honest.scored.items()
        }
    if expect.accuracy == "chance":
        accuracies = [each.metrics["linear/accuracy"] for each in got.scored.values()]
        assert all(accuracy is not None and accuracy < CHANCE for accuracy in accuracies)


def run(case: Case, shared: SharedHome, *, changed: str = "") -> CaseResult:
    """Train one seed of a case in a container, collect, and score what was delivered where that says anything new.

    Weights that are the twin's byte for byte have the twin's scores.
    """
    sizes = {name: type(getattr(KIND_LIMITS, name))(value) for name, value in case.expect.limits.items()}
    home, executor = shared.home, shared.executor(replace(KIND_LIMITS, **sizes))
    submission = case.copy_to(home.root / "submitted" / f"{case.id}{len(changed)}")
    if changed:
        (submission / "method.py").write_text((submission / "method.py").read_text() + changed)
    prepared = prepare(shared.spec, submission, home, executor, "cpu")
    store = Store(home.segments)
    ended = train_one_seed(prepared, home, store, executor)
    runs = [each for each in prepared.plan.runs if each.seed == 0]
    scorer = executor if case.expect.scored_in == "container" else WarmExecutor()
    delivered = any(store.has(each.state_key) for each in runs)
    scored = score(prepared, home, store, scorer) if delivered and not case.expect.twin else []
    return CaseResult(
        stored={key_of(each): files_of(store, each) for each in runs if store.has(each.state_key)},
        scored={(each.schedule, each.sparsity): each for each in scored if each.seed == 0},
        refused={key_of(each): reason_of(each, ended) for each in runs if not store.has(each.state_key)},
        ended=ended,
        log=ended.prepared.log.read_bytes(),
    )


def train_one_seed(prepared: Prepared, home: Home, store: Store, executor: DockerExecutor) -> JobResult:
    """Train the first seed as an evaluation does."""
    jobs = prepare_jobs(home, store, prepared.plan, prepared.spec.tasks, prepared.data, prepared.admitted, "cpu")
    try:
        (ended,) = supervise(executor, jobs[:1], store, workers=1, stall_s=120, on_progress=lambda *_: None)
        return ended
    finally:
        for job in jobs:
            remove_tree(job.job_file.parent)


def score(prepared: Prepared, home: Home, store: Store, executor: Executor) -> list[ScoredRun]:
    result = run_scorer(prepared, home, store, executor, 1, lambda: None).result
    return list(result.runs)


def key_of(run: Run) -> tuple[str, Decimal]:
    return run.schedule, run.sparsity


def files_of(store: Store, run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.path(run.state_key).iterdir()}


def reason_of(run: Run, ended: JobResult) -> tuple[str, str]:
    """Return reason and message as the record has them."""
    reason, message = decide(ended.evidence)
    error = ended.failures[run.state_key].error if run.state_key in ended.failures else ""
    if error and reason == "submission":
        last_line = re.sub(r"[^\x20-\x7e]", "?", error.strip().splitlines()[-1])
        message = f"the submission raised: {last_line[:300]}"
    return reason, message
