"""The trainer in this process: what lies in its outbox when it is done, and what it says about what went wrong."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmark.method.contract import Method
from benchmark.plan import Segment
from benchmark.training import trainer
from benchmark.training.state import load_state
from benchmark.training.state_files import (
    ENCODER_FILE,
    FAILURES_FILE,
    MASK_FILE,
    METHOD_FILE,
    PROGRESS_FILE,
    REPORT_FILE,
)
from benchmark.training.trainer import Outbox, train
from benchmark.training.training_job import Progress, SegmentFailure, SegmentReport, TrainingJob

from . import methods
from .methods import BreaksWhenPruned, Diverges, Restless, Supervised
from .tiny import (
    BATCH_SIZE,
    CPU,
    DENSE,
    EARLY,
    ENCODER,
    HALFWAY,
    IMAGES,
    LABELS,
    NUM_CLASSES,
    ROOT,
    SEED,
    STEPS_PER_EPOCH,
    TOTAL_STEPS,
    differences,
    leaf_key,
    recipe_of,
    setting_of,
    trained,
    tree,
)

SEGMENTS = tree(DENSE, EARLY, HALFWAY)


@pytest.fixture(autouse=True, scope="module")
def _threads_as_before() -> Iterator[None]:
    """A trainer sets its process to one thread."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def job_of(segments: tuple[Segment, ...] = SEGMENTS, **changes: Any) -> TrainingJob:
    fields: dict[str, Any] = {
        "root": ROOT, "seed": SEED, "encoder": ENCODER, "dataset": "tiny", "flip": False, "num_classes": NUM_CLASSES,
        "batch_size": BATCH_SIZE, "total_steps": TOTAL_STEPS, "device": "cpu", "segments": segments,
        "hyperparameters": dict(setting_of().hyperparameters), "checkpoint_interval": 5, "checkpoint_every_s": 1e9,
    }  # fmt: skip
    return TrainingJob(**{**fields, **changes})


def run(job: TrainingJob, folder: Path, method: type[Method] | str) -> Path:
    """Train a job with a submission made of a tiny method, or of the text given, and return the outbox."""
    submission, outbox = folder / "submission", folder / "outbox"
    for directory in (submission, folder / "parents", outbox):
        directory.mkdir()
    text = method
    if not isinstance(text, str):
        text = f"from .methods import {text.__name__}\n\nclass Submitted({text.__name__}): ...\n"
    (submission / "methods.py").write_text(Path(methods.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (submission / "method.py").write_text(text, encoding="utf-8")
    save_file({"images": IMAGES, "labels": LABELS}, folder / "data.safetensors")
    writer = Outbox(outbox, CPU, job.checkpoint_every_s, job.sharing)
    train(job, submission, folder / "data.safetensors", folder / "parents", writer)
    return outbox


def report_of(folder: Path) -> SegmentReport:
    return SegmentReport.model_validate_json((folder / REPORT_FILE).read_bytes())


def failures_in(outbox: Path) -> dict[str, str]:
    lines = (outbox / FAILURES_FILE).read_text(encoding="utf-8").splitlines()
    failures = [SegmentFailure.model_validate_json(line) for line in lines]
    assert max(Counter(failure.key for failure in failures).values()) == 1
    return {failure.key: failure.error for failure in failures}


def test_the_outbox_holds_every_state_under_its_name_and_nothing_unfinished(tmp_path: Path) -> None:
    outbox = run(job_of(), tmp_path, Restless)
    assert {path.name for path in outbox.iterdir()} == {PROGRESS_FILE, *(segment.key for segment in SEGMENTS)}
    expected = trained(recipe_of(Restless), SEGMENTS).finished_states
    for segment in SEGMENTS:
        is_continued = not segment.is_leaf or segment.key == leaf_key(DENSE)
        files = {ENCODER_FILE, MASK_FILE, REPORT_FILE} | ({METHOD_FILE} if is_continued else set())
        assert {path.name for path in (outbox / segment.key).iterdir()} == files
        if is_continued:
            assert differences(load_state(outbox / segment.key, CPU), expected[segment.key]) == []


@pytest.mark.parametrize("bound", [1, 100])
def test_reports_add_up_to_all_updates_and_to_the_time_that_was_spent(
    bound: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for one model the trainer goes back in time; what passed before is no cost of those that had waited."""
    monkeypatch.setattr(trainer, "most_models", lambda model, device, sharing: bound)
    started = time.monotonic()
    outbox = run(job_of(sharing=3), tmp_path, Restless)
    passed_s = time.monotonic() - started
    reports = {segment.key: report_of(outbox / segment.key) for segment in SEGMENTS}
    for segment in SEGMENTS:
        report = reports[segment.key]
        assert (report.key, report.start, report.step) == (segment.key, segment.start, segment.stop)
        assert sum(count for *_, count in report.losses) == segment.num_steps
        for epoch, total, count in report.losses:
            steps = range(epoch * STEPS_PER_EPOCH, (epoch + 1) * STEPS_PER_EPOCH)
            assert count == len(set(steps) & set(range(segment.start, segment.stop)))
            assert 0 < total / count < 10
        assert report.train_s > 0
        assert report.sharing == 3  # who asks what it cost divides by this
        assert report.peak_memory_bytes > 50e6
    assert sum(report.train_s for report in reports.values()) <= passed_s
    progress = Progress.model_validate_json((outbox / PROGRESS_FILE).read_bytes())
    assert progress.num_updates == sum(segment.num_steps for segment in SEGMENTS)


def test_losses_are_the_sums_of_what_the_method_returned(tmp_path: Path) -> None:
    outbox = run(job_of(tree(DENSE)), tmp_path, Supervised)
    losses: list[float] = []

    class Listening(Supervised):
        def loss(self, encoder: nn.Module, views_VBCHW: Tensor, labels_B: Tensor | None) -> Tensor:
            loss = super().loss(encoder, views_VBCHW, labels_B)
            losses.append(loss.item())
            return loss

    trained(recipe_of(Listening), tree(DENSE))
    by_epoch = {epoch: total for epoch, total, _ in report_of(outbox / leaf_key(DENSE)).losses}
    for epoch in range(TOTAL_STEPS // STEPS_PER_EPOCH):
        expected = math.fsum(losses[epoch * STEPS_PER_EPOCH : (epoch + 1) * STEPS_PER_EPOCH])
        assert by_epoch[epoch] == pytest.approx(expected, rel=1e-12)


def test_checkpoints_are_complete_states_with_the_losses_so_far(tmp_path: Path) -> None:
    outbox = run(job_of(tree(DENSE), checkpoint_every_s=0), tmp_path, Restless)
    [segment] = tree(DENSE)
    for step in (5, 10, 15, 20):
        checkpoint = outbox / segment.key_at(ROOT, step)
        assert load_state(checkpoint, CPU).step == step
        report = report_of(checkpoint)
        assert (report.start, report.step, sum(count for *_, count in report.losses)) == (0, step, step)


def test_a_diverged_run_names_its_update_and_prints_what_happened_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = job_of(hyperparameters=dict(setting_of(break_at=5).hyperparameters))
    outbox = run(job, tmp_path, Diverges)
    lines = (outbox / FAILURES_FILE).read_text(encoding="utf-8").splitlines()
    failures = [SegmentFailure.model_validate_json(line) for line in lines]
    assert {failure.key for failure in failures} >= {leaf_key(DENSE), leaf_key(HALFWAY)}
    assert all(failure.diverged for failure in failures)
    assert {failure.update for failure in failures} == {5}
    assert capfd.readouterr().err.count("the loss is nan at update 5") == len({failure.error for failure in failures})


def test_a_report_may_hold_losses_that_are_not_finite() -> None:
    """Born from an incident: NaN was written as null, which no report may hold, and the whole state was refused."""
    report = SegmentReport(key="k", step=1, start=0, train_s=1.0, peak_memory_bytes=1, losses=((0, math.nan, 1),))

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    json.loads(report.model_dump_json(), parse_constant=refuse)
    assert math.isnan(SegmentReport.model_validate_json(report.model_dump_json()).losses[0][1])


def test_an_exception_is_reported_with_the_line_of_the_submission_and_its_update(tmp_path: Path) -> None:
    text = (
        "from .methods import Restless\n\n\nclass Submitted(Restless):\n"
        "    def after_step(self, encoder):\n        super().after_step(encoder)\n"
        "        self.count = getattr(self, 'count', 0) + 1\n"
        "        if self.count == 4:\n            raise RuntimeError('enough')\n"
    )
    outbox = run(job_of(tree(DENSE)), tmp_path, text)
    [line] = (outbox / FAILURES_FILE).read_text(encoding="utf-8").splitlines()
    failure = SegmentFailure.model_validate_json(line)
    assert (failure.place, failure.update, failure.diverged) == ("method.py:9", 3, False)


def test_what_breaks_is_told_with_its_place_while_the_others_are_delivered(tmp_path: Path) -> None:
    outbox = run(job_of(), tmp_path, BreaksWhenPruned)
    failures = failures_in(outbox)
    assert set(failures) == {leaf_key(EARLY), leaf_key(HALFWAY)}
    assert all("methods.py" in error and "cannot be pruned" in error for error in failures.values())
    delivered = {path.name for path in outbox.iterdir() if path.is_dir()}
    assert delivered == {segment.key for segment in SEGMENTS} - set(failures)


@pytest.mark.parametrize(("text", "message"), [
    ("raise RuntimeError('broken at import')", "broken at import"),
    ("import sys\nsys.exit(3)", "SystemExit: 3"),
    ("x = 1", "expected exactly one class deriving from Method, got none"),
])  # fmt: skip
def test_a_submission_that_cannot_be_imported_fails_every_segment(text: str, message: str, tmp_path: Path) -> None:
    outbox = run(job_of(), tmp_path, text)
    failures = failures_in(outbox)
    assert set(failures) == {segment.key for segment in SEGMENTS}
    assert all(message in error for error in failures.values())
    assert not any(path.is_dir() for path in outbox.iterdir())


def test_a_method_that_cannot_be_made_fails_every_segment(tmp_path: Path) -> None:
    outbox = run(job_of(hyperparameters={}), tmp_path, Restless)  # its optimizer needs a learning rate
    failures = failures_in(outbox)
    assert set(failures) == {segment.key for segment in SEGMENTS}
    assert all("hyperparameters.learning_rate: expected a number" in error for error in failures.values())


def test_an_endless_error_is_cut_to_its_end(tmp_path: Path) -> None:
    outbox = run(job_of(), tmp_path, "raise RuntimeError('x' * 10**6 + 'the end')")
    assert all(len(error) <= 20_000 for error in failures_in(outbox).values())


CURIOUS = """
from .methods import Restless

class Curious(Restless):
    def loss(self, encoder, views_VBCHW, labels_B):
        assert labels_B is {labels}
        assert self.setting.num_classes is {num_classes}
        return super().loss(encoder, views_VBCHW, labels_B)
"""


@pytest.mark.parametrize(("num_classes", "fails"), [(None, False), (NUM_CLASSES, True)])
def test_labels_reach_a_method_only_where_the_job_says_so(num_classes: int | None, fails: bool, tmp_path: Path) -> None:
    """Even when they lie in the file."""
    text = CURIOUS.format(labels=None, num_classes=num_classes)
    outbox = run(job_of(tree(DENSE), num_classes=num_classes), tmp_path, text)
    assert (outbox / FAILURES_FILE).exists() == fails
    assert (outbox / leaf_key(DENSE)).exists() != fails


def test_a_job_survives_its_own_json() -> None:
    job = job_of(checkpoint_every_s=0.25)
    assert TrainingJob.model_validate_json(job.model_dump_json()) == job
