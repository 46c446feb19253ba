"""What a command prints at its end agrees with the record, and says nothing that was not measured."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from benchmark.cli.tables import emptied_layer_lines, failure_lines, result_table
from benchmark.recording.record import EvaluationRecord, Failure, LayerSparsity, RunRecord
from benchmark.scoring.metric import Estimate
from tests.conftest import Evaluated
from tests.recording.synthetic import FAILED, record


def shown(which: EvaluationRecord) -> list[str]:
    console = Console(width=200, record=True, file=StringIO())
    console.print(result_table(which))
    return [line.rstrip() for line in console.export_text().splitlines()]


def cells(lines: list[str], label: str) -> list[str]:
    row = next(line.replace("┃", "│") for line in lines if f" {label} " in line)
    return [cell.strip() for cell in row.strip("│ ").split("│")]


def test_rows_are_schedules_and_columns_sparsities(evaluated: Evaluated) -> None:
    lines = shown(evaluated.record)
    populations = evaluated.record.cells
    means = {(cell.schedule, cell.sparsity): cell.metrics["linear/accuracy"].value or 0 for cell in populations}
    for schedule in ("ramp", "shot", "shot-random"):
        expected = [means["dense", 0.0], means[schedule, 0.5], means[schedule, 0.9]]
        assert cells(lines, schedule) == [schedule, *(f"{value:.3f}" for value in expected)]


def test_instruments_are_read_at_the_largest_sparsity_of_every_schedule(evaluated: Evaluated) -> None:
    lines = shown(evaluated.record)
    at = {(cell.schedule, cell.sparsity): cell.metrics for cell in evaluated.record.cells}
    order = [("dense", 0.0), ("ramp", 0.9), ("shot", 0.9), ("shot-random", 0.9)]
    assert cells(lines, "at sparsity 0.9") == ["at sparsity 0.9", *(schedule for schedule, _ in order)]
    some = (("kNN accuracy ↑", "knn/accuracy", 3), ("Classes hit ↓", "class_impact/hit", 0))
    for label, name, decimals in some:
        values = [at[cell][name].value if name in at[cell] else None for cell in order]
        assert cells(lines, label)[1:] == ["-" if value is None else f"{value:.{decimals}f}" for value in values]


def test_the_summary_is_printed_with_its_interval_what_that_is_about_and_the_worst_seed() -> None:
    half = Estimate(value=0.5, low=0.4, high=0.6)
    whole = record(complete=True)
    whole = whole.model_copy(
        update={"summary": {"robustness/score": half}, "worst_seed": {"robustness/score": 0.41},
                "runs": tuple(run.model_copy(update={"seed": seed}) for run in whole.runs for seed in range(6))}
    )  # fmt: skip
    assert "score      0.500  [0.400, 0.600], over models and test images; worst seed 0.410" in shown(whole)


def test_two_models_give_no_interval_and_the_summary_says_why(evaluated: Evaluated) -> None:
    """C9: two models gave intervals that reach beyond what is possible."""
    score = evaluated.record.summary["robustness/score"]
    assert (score.low, score.high) == (None, None)
    line = next(line for line in shown(evaluated.record) if line.startswith("score "))
    assert line.startswith(f"score      {score.value:.3f}, too few models for an interval; worst seed")


def test_reference_lines_of_several_tasks_say_which_task_they_belong_to() -> None:
    """C10: the same two names stood there twice."""
    whole = record(complete=True)
    lines = tuple(line.model_copy(update={"task": task}) for line in whole.references for task in ("a", "b"))
    found = [line for line in shown(whole.model_copy(update={"references": lines})) if line.endswith("accuracy")]
    assert len(set(found)) == len(lines)
    assert any("(a): " in line for line in found)


def test_an_incomplete_record_shows_no_score_at_all() -> None:
    lines = shown(record())
    assert "no score: some runs have failed" in lines
    assert not any(line.startswith("score") for line in lines)
    assert "3 of 4 runs finished; 12 s of training, 3 s of scoring" in lines


def test_what_is_not_there_is_a_dash_and_what_is_undefined_is_said() -> None:
    summary = {"robustness/score": Estimate(value=None), "robustness/dense": Estimate(value=0.5)}
    lines = shown(record(complete=True).model_copy(update={"summary": summary, "cells": record().cells[1:]}))
    assert cells(lines, "late")[1:] == ["-", "0.975"]
    assert "score      undefined" in lines
    assert "dense      0.500, too few models for an interval" in lines


def failed(reason: str, message: str) -> RunRecord:
    failure = Failure.model_validate({"reason": reason, "message": message})
    return FAILED.model_copy(update={"failure": failure})


def test_failures_are_counted_by_reason_and_message_most_frequent_first() -> None:
    runs = [
        failed("timeout", "stood still"), failed("submission", "raised"), failed("submission", "raised"),
        failed("submission", "other"), record().runs[0],
    ]  # fmt: skip
    lines = list(failure_lines(runs, lambda run: None))
    assert lines[0] == "2 of 5 runs failed (submission): raised"
    assert sorted(lines[1:]) == [
        "1 of 5 runs failed (submission): other", "1 of 5 runs failed (timeout): stood still",
    ]  # fmt: skip


def test_a_failure_names_the_file_with_what_its_trainer_printed(tmp_path: Path) -> None:
    """The traceback used to be nowhere: the log was empty, and its path was not printed."""
    _, line = failure_lines([FAILED], lambda run: tmp_path / f"{run.seed}.log")
    assert str(tmp_path / f"{FAILED.seed}.log") in line


def test_runs_that_fail_in_many_ways_do_not_fill_the_terminal() -> None:
    lines = list(failure_lines([failed("diverged", f"at update {update}") for update in range(30)], lambda run: None))
    assert len(lines) == 9
    assert "22 other" in lines[-1]


def test_nothing_failed_says_nothing() -> None:
    assert list(failure_lines(record(complete=True).runs, lambda run: None)) == []


def test_a_layer_without_a_weight_is_warned_of_with_the_number_of_models() -> None:
    run = next(each for each in record(complete=True).runs if each.schedule != "dense")
    layers = [LayerSparsity(name="stem", num_weights=9, num_zero=zeros) for zeros in (9, 8, 9)]
    runs = [run.model_copy(update={"seed": seed, "layers": (layer,)}) for seed, layer in enumerate(layers)]
    assert list(emptied_layer_lines(runs)) == [
        f"warning: {run.task}, {run.schedule} at sparsity {run.sparsity:g}: no weight is left of stem in 2 of 3 models"
    ]
    assert list(emptied_layer_lines(runs[1:2])) == []
