"""The road from a request to a record: idempotent, resumable, and honest about failures."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.data.streams import stream_seed
from benchmark.encoder import flops_per_view
from benchmark.evaluation import training as training_step
from benchmark.executors.base import PreparedJob
from benchmark.executors.errors import ExecutorError, ScorerError
from benchmark.executors.failure import Evidence
from benchmark.recording.record import EvaluationRecord, ImagesPerUpdate, RunRecord
from benchmark.spec import BenchmarkSpec, UserError
from tests.conftest import Evaluated
from tests.evaluation.scheduling.test_jobs import changed
from tests.executors.submissions import write_submission
from tests.executors.warm import (
    WarmExecutor,
    WarmTrainer,
    copy_home,
    dispatch,
    evaluate_warm,
    processes_in,
    request,
    snapshot,
    store_of,
    wait_until,
    warm_context,
)


@pytest.fixture
def root(evaluated: Evaluated, tmp_path: Path) -> Path:
    """A home of its own in which everything of the tiny specification is trained and read."""
    return copy_home(evaluated.root, tmp_path / "home")


def bits(record: EvaluationRecord, root: Path) -> dict[tuple[str, float, int], bytes]:
    """Weights and masks of every run."""
    store = store_of(root)
    return {
        (run.schedule, run.sparsity, run.seed): (store.path(run.state_key) / "encoder.safetensors").read_bytes()
        + (store.path(run.state_key) / "mask.safetensors").read_bytes()
        for run in record.runs
    }


def facts(record: EvaluationRecord) -> dict[str, Any]:
    """Everything in a record but when it was made, on what, and what that cost."""
    return record.model_dump(exclude={"created", "cost", "provenance"})


def test_the_command_leaves_a_complete_record(evaluated: Evaluated, tiny_spec: BenchmarkSpec) -> None:
    record = evaluated.record
    assert record.is_complete
    cells = [("dense", 0.0), *((schedule, s) for schedule in ("ramp", "shot", "shot-random") for s in (0.5, 0.9))]
    assert [(run.schedule, run.sparsity, run.seed) for run in record.runs] == [
        (schedule, sparsity, seed) for seed in (0, 1) for schedule, sparsity in cells
    ]
    assert [(cell.schedule, cell.sparsity, cell.num_models) for cell in record.cells] == [(*cell, 2) for cell in cells]
    assert record.summary["robustness/score"].value is not None
    assert {line.name for line in record.references} == {"raw-pixels", "untrained"}
    assert (record.cost.num_updates, record.cost.num_updates_naive) == (176, 14 * 20)
    assert record.spec_identity == "tiny-1.0"
    assert record.isolation == "none"
    assert record.images_per_update == ImagesPerUpdate(encoder=128.0, copies=0.0)
    assert record.penalties is not None
    assert set(record.penalties) == {"0.1", "0.001"}
    assert all(score["robustness/score"] is not None for score in record.penalties.values())
    per_view = flops_per_view(tiny_spec.tasks[0].encoder, (1, 8, 8))
    assert record.provenance["training_flops_per_run"] == 20 * 128 * per_view  # updates, views, as torch counts them
    assert record.worst_seed is not None
    assert (record.worst_seed["robustness/score"] or 0) < (record.summary["robustness/score"].value or 0)


def test_every_run_has_its_numbers_its_layers_and_its_loss_curve(evaluated: Evaluated) -> None:
    for run in evaluated.record.runs:
        zeros, weights = (sum(getattr(layer, name) for layer in run.layers) for name in ("num_zero", "num_weights"))
        assert zeros == int(run.sparsity * weights + 0.5)
        assert run.metrics["sparsity/achieved"] == pytest.approx(zeros / weights)
        assert [epoch for epoch, _ in run.loss_curve] == [0, 1]
        assert all(0 < loss < 4 for _, loss in run.loss_curve)
        assert 0 < (run.metrics["linear/accuracy"] or 0) <= 1


def test_what_was_trained_has_learned_something(evaluated: Evaluated) -> None:
    dense = [run.metrics["linear/accuracy"] or 0 for run in evaluated.record.runs if run.schedule == "dense"]
    assert min(dense) > 0.4
    losses = [run.loss_curve for run in evaluated.record.runs if run.schedule == "dense"]
    assert all(curve[1][1] < curve[0][1] for curve in losses)


def test_outcomes_beside_the_record_agree_with_it(evaluated: Evaluated) -> None:
    frame = pd.read_parquet(evaluated.path.with_suffix(".parquet"))
    for run in evaluated.record.runs:
        same = (frame["schedule"] == run.schedule) & (frame["sparsity"] == run.sparsity) & (frame["seed"] == run.seed)
        rows = frame[same]
        right_N = np.asarray(rows["linear/prediction"]) == np.asarray(rows["label"])
        assert float(right_N.mean()) == pytest.approx(run.metrics["linear/accuracy"])
    assert len(frame) == 14 * evaluated.record.datasets["digits/resnet8"]["num_test"]


def test_nothing_is_left_over(evaluated: Evaluated) -> None:
    assert list((evaluated.root / "jobs").iterdir()) == []
    assert [path for path in evaluated.root.rglob(".*") if path.name != ".lock"] == []
    assert processes_in(evaluated.root) == []


def test_method_states_are_kept_on_the_dense_trunk_only(
    evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    store = store_of(root)
    for subtree in request(tiny_spec, plain, root).plan.subtrees:
        for segment in subtree.segments:
            is_dense = not segment.applied and not segment.events
            assert store.has(segment.key)
            assert store.has(segment.key, resumable=True) == is_dense


def test_evaluating_again_trains_nothing_and_leaves_the_record_as_it_was(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, evaluated: Evaluated
) -> None:
    shutil.copytree(evaluated.root / "records", root / "records")
    executor, states, records = WarmExecutor(), snapshot(root / "segments"), snapshot(root / "records")
    record, _ = evaluate_warm(tiny_spec, plain, root, executor=executor)
    assert executor.num_started == 0
    assert snapshot(root / "segments") == states
    assert snapshot(root / "records") == records
    assert record == evaluated.record


def test_another_schedule_trains_what_is_missing_and_changes_no_other_number(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, evaluated: Evaluated
) -> None:
    shot = {"name": "late-shot", "kind": "one_shot", "at": "0.75"}
    spec = changed(tiny_spec, schedules=[*tiny_spec.model_dump(mode="json")["schedules"], shot])
    before = snapshot(root / "segments")
    record, _ = evaluate_warm(spec, plain, root)
    after = snapshot(root / "segments")
    assert {name: after[name] for name in before} == before
    states = {Path(name).parent.name for name in after} - {Path(name).parent.name for name in before}
    assert len(states) == 2 * 3  # per seed the trunk at .75 and two leaves
    old = {(run.schedule, run.sparsity, run.seed): run for run in record.runs if run.schedule != "late-shot"}
    assert old == {(run.schedule, run.sparsity, run.seed): run for run in evaluated.record.runs}
    assert sum(run.schedule == "late-shot" and run.status == "finished" for run in record.runs) == 4


def test_rescoring_with_another_penalty_trains_nothing_and_gives_other_numbers(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, evaluated: Evaluated
) -> None:
    evaluation = tiny_spec.evaluation.model_dump(mode="json")
    spec = changed(tiny_spec, evaluation={**evaluation, "linear": {**evaluation["linear"], "l2": 2.0}})
    executor, states = WarmExecutor(), snapshot(root / "segments")
    record, _ = evaluate_warm(spec, plain, root, executor=executor, train=False)
    assert executor.num_started == 0
    assert snapshot(root / "segments") == states
    assert record.evaluation_key == evaluated.record.evaluation_key
    assert record.summary["robustness/dense"] != evaluated.record.summary["robustness/dense"]
    assert [run.layers for run in record.runs] == [run.layers for run in evaluated.record.runs]


def test_rescoring_what_was_never_evaluated_is_refused_and_writes_no_record(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="use evaluate"):
        evaluate_warm(tiny_spec, plain, tmp_path / "home", train=False)
    assert not (tmp_path / "home" / "records").exists()


def test_rescoring_a_part_names_the_runs_that_are_not_there(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, evaluated: Evaluated
) -> None:
    missing = next(run for run in evaluated.record.runs if run.schedule == "ramp")
    shutil.rmtree(store_of(root).path(missing.state_key))
    record, _ = evaluate_warm(tiny_spec, plain, root, train=False)
    (failed,) = [run for run in record.runs if run.failure is not None]
    assert (failed.schedule, failed.sparsity, failed.seed) == (missing.schedule, missing.sparsity, missing.seed)
    assert failed.failure is not None
    assert failed.failure.reason == "environment"
    assert record.summary == {}


def test_a_damaged_state_is_never_scored_but_trained_again_to_the_same_bits(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, evaluated: Evaluated
) -> None:
    victim = next(run for run in evaluated.record.runs if run.schedule == "shot")
    path = store_of(root).path(victim.state_key) / "encoder.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    executor = WarmExecutor()
    record, _ = evaluate_warm(tiny_spec, plain, root, executor=executor)
    assert executor.num_started == 1
    assert path.read_bytes() == content
    assert facts(record) == facts(evaluated.record)


def failed_and_finished(record: EvaluationRecord) -> tuple[list[RunRecord], list[RunRecord]]:
    failed = [run for run in record.runs if run.status == "failed"]
    return failed, [run for run in record.runs if run.status == "finished"]


def own_numbers(run: RunRecord) -> dict[str, float | None]:
    """Numbers of a run that compare it with no other seed."""
    return {name: value for name, value in run.metrics.items() if "other_seed" not in name}


def test_a_loss_that_raises_at_one_step_of_one_seed_fails_that_seed_alone(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path, evaluated: Evaluated
) -> None:
    """Randomness is a function of (seed, stream, step), so a submission can know where it is: here at seed 1, step 15.

    The statement before the loss changes the code and therefore every name, but not a single bit of seed 0.
    """
    fatal = f"if torch.initial_seed() == {stream_seed(1, 'loss', 15)}: raise ArithmeticError('\\x1b[31mat step 15')"
    submission = write_submission(tmp_path / "submission", fatal)
    record, _ = evaluate_warm(tiny_spec, submission, root)
    failed, finished = failed_and_finished(record)
    assert {run.seed for run in failed} == {1}
    assert {run.seed for run in finished} == {0}
    assert len(failed) == len(finished) == 7
    for run in failed:
        assert run.failure is not None
        assert run.failure.reason == "submission"
        line = 1 + (submission / "method.py").read_text().splitlines().index(f"        {fatal}")
        where = f"(method.py:{line}, update 15)"
        assert run.failure.message == f"the submission raised: ArithmeticError: ?[31mat step 15 {where}"
        assert "Traceback (most recent call last)" in run.failure.log
        assert "method.py" in run.failure.log
    assert record.summary == {}
    assert not record.is_complete
    before = [run for run in evaluated.record.runs if run.seed == 0]
    assert [own_numbers(run) for run in finished] == [own_numbers(run) for run in before]


def test_a_loss_that_is_not_a_number_stops_its_run_at_that_update(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path
) -> None:
    """It used to train to its end and to fail as `invalid_output`, with no update named."""
    nan = f"if torch.initial_seed() == {stream_seed(1, 'loss', 15)}: return self.head.weight.sum() * torch.nan"
    record, _ = evaluate_warm(tiny_spec, write_submission(tmp_path / "submission", nan), root)
    failed, finished = failed_and_finished(record)
    assert {run.seed for run in failed} == {1}
    assert len(failed) == len(finished) == 7
    for run in failed:
        assert run.failure is not None
        assert run.failure.reason == "diverged"
        assert run.failure.message == "the loss was NaN or infinite at update 15, where training stopped"
    logs = [path.read_text() for path in (root / "logs").glob("*.log")]
    assert any("training stops at update 15" in log and "the loss is nan" in log for log in logs)


def test_a_submission_that_always_raises_gives_a_record_of_failures(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path
) -> None:
    record, path = evaluate_warm(tiny_spec, write_submission(tmp_path / "submission", "raise OSError('no')"), root)
    assert {run.failure.reason for run in record.runs if run.failure} == {"submission"}
    assert {run.status for run in record.runs} == {"failed"}
    assert record.cells == ()
    assert record.summary == {}
    assert path.with_suffix(".parquet").exists()
    assert record.cost.train_s == 0


def test_an_endless_loop_is_a_timeout_of_every_run(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_step, "STALL_S", 1.0)
    submission = write_submission(tmp_path / "submission", "while True: time.sleep(0.01)")
    record, _ = evaluate_warm(tiny_spec, submission, root)
    assert {run.failure.reason for run in record.runs if run.failure} == {"timeout"}
    assert {run.status for run in record.runs} == {"failed"}
    assert list((root / "jobs").iterdir()) == []
    assert processes_in(root) == []


def test_weights_that_are_not_numbers_are_invalid_output_naming_the_key(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path
) -> None:
    last = [stream_seed(seed, "loss", 19) for seed in (0, 1)]
    poison = f"""
        def optimizer(self, parameters):
            def spoil(*_):
                if torch.initial_seed() in {last}:
                    parameters[2].detach()[0] = float("nan")  # stem.1.bias

            optimizer = super().optimizer(parameters)
            optimizer.register_step_post_hook(spoil)
            return optimizer
    """
    record, _ = evaluate_warm(tiny_spec, write_submission(tmp_path / "submission", more=poison), root)
    for run in record.runs:
        assert run.failure is not None
        assert run.failure.reason == "invalid_output"
        assert "'stem.1.bias' contains NaN or infinity" in run.failure.message
    assert record.summary == {}


@pytest.mark.parametrize("told", [" ", "\n\n", "\x1b]0;title\x07"])
def test_what_a_submission_says_about_its_failure_harms_nobody(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of blanks only used to end the dispatcher with an IndexError."""
    shutil.rmtree(root / "segments")

    class Liar(WarmExecutor):
        def start(self, prepared: PreparedJob) -> Any:
            lines = [json.dumps({"key": segment.key, "error": told}) for segment in prepared.job.segments]
            (prepared.outbox / "failures.jsonl").write_text("\n".join(lines))
            return _Gone()

    record, _ = evaluate_warm(tiny_spec, plain, root, executor=Liar())
    messages = {run.failure.message for run in record.runs if run.failure}
    assert len(messages) == 1
    assert messages.pop().isprintable()


@dataclass
class _Gone:
    exit_code: int = 0

    def poll(self) -> Evidence:
        return Evidence(exit_code=self.exit_code)

    def kill(self) -> None:
        raise AssertionError("it has ended already")


def test_where_no_trainer_can_start_nothing_is_scored_and_the_reason_is_one_sentence(
    tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path
) -> None:
    """I8: a package that trainers cannot import was booked on the submission, and scoring ended in a traceback."""

    class NotImportable(WarmExecutor):
        def start(self, prepared: PreparedJob) -> Any:
            prepared.log.write_text("No module named benchmark\n")
            return _Gone(1)

        def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
            raise AssertionError("nothing is to be scored")

    with pytest.raises(ExecutorError, match=r"no trainer could start.*No module named benchmark"):
        evaluate_warm(tiny_spec, plain, tmp_path / "home", executor=NotImportable())
    assert not (tmp_path / "home" / "records").exists()
    assert list((tmp_path / "home" / "jobs").iterdir()) == []


def test_a_submission_that_ends_its_trainer_while_it_is_imported_has_failed_by_itself(
    tiny_spec: BenchmarkSpec, root: Path, tmp_path: Path
) -> None:
    submission = write_submission(tmp_path / "submission")
    (submission / "method.py").write_text("import os\nos._exit(1)\n" + (submission / "method.py").read_text())
    record, _ = evaluate_warm(tiny_spec, submission, root)
    assert {run.failure.reason for run in record.runs if run.failure} == {"submission"}


def test_a_submission_that_removes_every_report_of_its_trainer_gets_a_record_of_failures(
    tiny_spec: BenchmarkSpec, tmp_path: Path
) -> None:
    """I8: it stopped the whole evaluation with "no trainer could start", as if this machine were broken."""

    class Fast(WarmTrainer):
        def poll(self) -> Evidence | None:
            self.process.join()  # so that no report is read before it is gone
            return super().poll()

    class FastExecutor(WarmExecutor):
        def start(self, prepared: PreparedJob) -> Any:
            return Fast(super().start(prepared).process)

    submission, root = write_submission(tmp_path / "submission"), tmp_path / "home"
    silent = "import os\nfor name in os.listdir():\n    os.remove(name)\nos._exit(1)\n"
    (submission / "method.py").write_text(silent + (submission / "method.py").read_text())
    record, _ = evaluate_warm(tiny_spec, submission, root, executor=FastExecutor())
    assert {run.failure.reason for run in record.runs if run.failure} == {"submission"}
    assert len([run for run in record.runs if run.failure]) == len(record.runs)
    assert list((root / "jobs").iterdir()) == []


class _KilledScorer(WarmExecutor):
    def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
        raise ScorerError("out_of_memory: the kernel ended the scorer")


def test_a_killed_scorer_leaves_no_record_and_the_next_call_continues(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, evaluated: Evaluated
) -> None:
    """I5: it ended in a bare traceback."""
    with pytest.raises(ExecutorError, match=r"no record is written.*out_of_memory"):
        evaluate_warm(tiny_spec, plain, root, executor=_KilledScorer())
    assert not (root / "records").exists()
    assert list(root.glob(".scoring-*")) == []
    executor = WarmExecutor()
    assert facts(evaluate_warm(tiny_spec, plain, root, executor=executor)[0]) == facts(evaluated.record)
    assert executor.num_started == 0


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_while_scoring_is_the_error_that_it_is_while_training(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """I4: a full disk ended the scorer, and then the command, in a traceback; `main` has a sentence for this error."""

    def full(*arguments: Any, **named: Any) -> Any:
        raise OSError(number, os.strerror(number))

    class FullDisk(_KilledScorer):
        def score(self, job_file: Path, out: Path, log: Path, on_wait: Callable[[], None]) -> None:
            monkeypatch.setattr(tempfile, "TemporaryFile", full)
            super().score(job_file, out, log, on_wait)

    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        evaluate_warm(tiny_spec, plain, root, executor=FullDisk())
    assert caught.value.errno == number
    assert caught.value.filename == str(root / "outcomes")
    assert not (root / "records").exists()


def trained(root: Path) -> int:
    return len(list((root / "segments").glob("[0-9a-f][0-9a-f]/*")))


MOMENTS: list[tuple[str, Callable[[Path], bool]]] = [
    ("before anything is stored", lambda root: any((root / "jobs").glob("*/outbox"))),
    ("with some states stored", lambda root: trained(root) >= 3),
    ("with most states stored", lambda root: trained(root) >= 14),
    ("while scoring", lambda root: any(root.glob(".scoring-*"))),
]


def test_killed_at_random_moments_and_called_again_it_ends_in_the_same_bits(
    tiny_spec: BenchmarkSpec, plain: Path, evaluated: Evaluated, tmp_path: Path
) -> None:
    """Four calls are killed, each later than the one before by a random few milliseconds; the fifth may end.

    It starts from nothing and shares no file with the home that it is compared with, so that this is also the honest
    twin: the same request gives the same bits and numbers, in warm processes as in those of the command.
    """
    root, delays = tmp_path / "home", random.Random(2207_00200)
    for moment, reached in MOMENTS:
        dispatcher = warm_context().Process(target=dispatch, args=(tiny_spec, plain, root, 0.1))  # pyright: ignore[reportAttributeAccessIssue]
        dispatcher.start()
        wait_until(lambda reached=reached, dispatcher=dispatcher: reached(root) or not dispatcher.is_alive())
        time.sleep(delays.uniform(0, 0.05))
        assert dispatcher.is_alive(), f"it came to its end {moment}"
        dispatcher.kill()
        dispatcher.join()
        wait_until(lambda: not processes_in(root))  # warm trainers end by themselves
        assert not list((root / "records").rglob("*.json")), moment
    record, _ = evaluate_warm(tiny_spec, plain, root)
    assert bits(record, root) == bits(evaluated.record, evaluated.root)
    assert facts(record) == facts(evaluated.record)
    assert list((root / "jobs").iterdir()) == []
    assert [path for path in root.rglob(".*") if path.name != ".lock" and path.parent != root / "submissions"] == []


def test_admitting_the_same_code_again_leaves_the_copy_that_trainers_may_be_reading(
    tiny_spec: BenchmarkSpec, plain: Path, root: Path
) -> None:
    """It used to be removed and made again under the feet of another evaluation's trainers."""
    before = request(tiny_spec, plain, root).admitted.directory
    (before / "__pycache__").mkdir()
    places = snapshot(before)
    assert request(tiny_spec, plain, root).admitted.directory == before
    assert snapshot(before) == places
    (before / "method.py").write_text("damaged")
    request(tiny_spec, plain, root)
    assert (before / "method.py").read_text() == (plain / "method.py").read_text()
