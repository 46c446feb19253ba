"""`fmn verify --recompute`: shipped records agree with their outcomes, and a signed untruth is named."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from benchmark.cli.app import app
from benchmark.cli.recomputation import recompute_record
from benchmark.recording.archive import MAPS_SUFFIX, OUTCOMES_SUFFIX, areas_path, read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import record_paths
from benchmark.recording.trust import load_trust
from benchmark.scoring.areas import AREAS_SCHEMA, write_areas
from benchmark.scoring.metric import Estimate
from benchmark.scoring.registry import metric_versions
from leaderboard.board.board import entry_of
from leaderboard.reading.areas import areas_of
from tests.conftest import OLD_RECORD, Evaluated
from tests.leaderboard.records import SIGNER, write_signed

RESULTS = Path(__file__).resolve().parents[2] / "results"
SHIPPED = list(record_paths(RESULTS))

Change = Callable[[EvaluationRecord], EvaluationRecord]


def _with_summary(name: str, shift: float) -> Change:
    def change(record: EvaluationRecord) -> EvaluationRecord:
        old = record.summary[name]
        low, high = (None if bound is None else bound + shift for bound in (old.low, old.high))
        new = Estimate(value=(old.value or 0.0) + shift, low=low, high=high)
        return record.model_copy(update={"summary": {**record.summary, name: new}})

    return change


def _with_run(name: str) -> Change:
    def change(record: EvaluationRecord) -> EvaluationRecord:
        *others, last = record.runs
        run = last.model_copy(update={"metrics": {**last.metrics, name: 0.5}})
        return record.model_copy(update={"runs": (*others, run)})

    return change


def _with_cell(name: str) -> Change:
    def change(record: EvaluationRecord) -> EvaluationRecord:
        *others, last = record.cells
        cell = last.model_copy(update={"metrics": {**last.metrics, name: Estimate(value=0.0123)}})
        return record.model_copy(update={"cells": (*others, cell)})

    return change


def _without_a_run(record: EvaluationRecord) -> EvaluationRecord:
    return record.model_copy(update={"runs": record.runs[:-1]})


def _sign_changed(folder: Path, change: Change) -> Path:
    path = folder / "digits-1.0" / OLD_RECORD.name
    path.parent.mkdir()
    for suffix in (OUTCOMES_SUFFIX, MAPS_SUFFIX):
        shutil.copyfile(OLD_RECORD.with_suffix(suffix), path.with_suffix(suffix))
    record = change(read_record(OLD_RECORD)).model_copy(update={"isolation": "none"})
    write_signed(path, record)
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_record_agrees_with_its_outcomes(path: Path) -> None:
    found = recompute_record(path, load_trust())
    assert (found.problem, found.differing) == ("", ())
    assert min(found.counts[source] for source in ("outcomes", "runs", "word")) > 100
    assert {"cka/*", "geometry/*", "sparsity/*"} <= set(found.word)
    assert not {"linear/*", "pie/*", "knn/*", "robustness/*"} & set(found.word)


@pytest.mark.parametrize(
    ("name", "shift", "agrees"),
    [("prune_potential/clean", 1e-3, True), ("prune_potential/clean", 2e-2, False), ("robustness/score", 1e-3, False)],
)
def test_a_percentile_of_draws_may_be_the_next_draw_on_another_processor(
    name: str, shift: float, agrees: bool, tmp_path: Path
) -> None:
    def change(record: EvaluationRecord) -> EvaluationRecord:
        old = record.summary[name]
        assert old.low is not None
        return record.model_copy(
            update={"summary": {**record.summary, name: old.model_copy(update={"low": old.low - shift})}}
        )

    assert recompute_record(_sign_changed(tmp_path, change), load_trust()).holds is agrees


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_with_summary("robustness/score", 0.002), "summary: robustness/score: "),
        (_with_summary("pie_overlap/jaccard", -0.1), "summary: pie_overlap/jaccard: "),
        (_with_summary("dense:cka/stem", -0.1), "summary: dense:cka/stem: "),
        (_with_run("linear/accuracy"), "linear/accuracy: 0.5 in the record"),
        (_with_run("depth/pred_mean"), "depth/pred_mean: 0.5 in the record"),
        (_with_cell("pie/published"), "pie/published: 0.0123 in the record"),
        (_with_cell("label_change/taxicab"), "label_change/taxicab: 0.0123 in the record"),
        (_with_cell("class_impact/largest_drop"), "class_impact/largest_drop: 0.0123 in the record"),
    ],
)
def test_a_number_that_its_outcomes_do_not_give_is_named(change: Change, named: str, tmp_path: Path) -> None:
    found = recompute_record(_sign_changed(tmp_path, change), load_trust())
    assert any(named in each for each in found.differing)


def test_outcomes_of_a_run_that_the_record_hides_are_named(tmp_path: Path) -> None:
    def change(record: EvaluationRecord) -> EvaluationRecord:
        *others, last = record.cells
        return _without_a_run(record).model_copy(
            update={"cells": (*others, last.model_copy(update={"num_models": last.num_models - 1}))}
        )

    assert "expected runs of the record" in recompute_record(_sign_changed(tmp_path, change), load_trust()).problem


def _sign_with_areas(folder: Path, shift: float) -> Path:
    """Write the areas that the outcomes give, moved by `shift` for one image of one model, and sign them."""
    path = _sign_changed(folder, lambda record: record)
    found = areas_of(entry_of(str(path), read_record(path), SIGNER))
    assert found is not None
    rows: list[dict[str, Any]] = [
        {"task": task, "schedule": schedule, "seed": seed, "area": area_N}
        for task, areas in found.items() for schedule, area_KN in areas.items() for seed, area_N in enumerate(area_KN)
    ]  # fmt: skip
    rows[7]["area"][12] += shift
    write_areas([pa.Table.from_pylist(rows, AREAS_SCHEMA)], areas_path(path))
    sha256 = hashlib.sha256(areas_path(path).read_bytes()).hexdigest()
    newer = {"schema_version": 2, "areas_sha256": sha256}
    write_signed(path, read_record(path).model_copy(update=newer))
    return path


@pytest.mark.parametrize(("shift", "names"), [(0.0, []), (-0.01, ["area of image 12"])])
def test_an_area_that_its_outcomes_do_not_give_is_named(shift: float, names: list[str], tmp_path: Path) -> None:
    found = recompute_record(_sign_with_areas(tmp_path, shift), load_trust())
    assert found.problem == ""
    assert [each.split(": ")[1] for each in found.differing] == names


def test_verify_exits_with_1_only_where_a_record_does_not_agree(tmp_path: Path) -> None:
    runner = CliRunner()
    path = _sign_changed(tmp_path, _with_run("linear/accuracy"))
    assert runner.invoke(app, ["verify", str(path)]).exit_code == 0
    told = runner.invoke(app, ["verify", str(path), "--recompute"])
    assert told.exit_code == 1
    assert "linear/accuracy: 0.5" in " ".join(told.output.split())
    assert runner.invoke(app, ["verify", str(OLD_RECORD), "--recompute"]).exit_code == 0


def test_a_new_record_agrees_with_its_outcomes_knowledge_and_floors_included(evaluated: Evaluated) -> None:
    found = recompute_record(evaluated.path, load_trust())
    assert (found.problem, found.differing) == ("", ())
    assert evaluated.record.floor is not None
    assert "robustness/knowledge_kept" in evaluated.record.summary


DETERMINED = {
    "runs": ("linear/accuracy", "knn/accuracy", "depth/pred_mean", "depth/true_mean", "q_score_2022/mean",
             "q_score_2024/mean"),
    "cells": ("pie/published", "pie/excess", "class_impact/hit", "class_impact/largest_drop", "label_change/taxicab"),
    "summary": ("robustness/score", "robustness/knowledge_kept", "pie_overlap/jaccard"),
}  # fmt: skip
"""Of every kind that outcomes determine, numbers of a run, a cell and the summary."""


def test_every_kind_of_number_that_outcomes_determine_is_named_where_it_differs(
    evaluated: Evaluated, tmp_path: Path
) -> None:
    record = evaluated.record
    *runs, run = record.runs
    *cells, cell = record.cells
    changed = {
        "runs": (*runs, run.model_copy(update={"metrics": run.metrics | {
            name: _moved(run.metrics[name]) for name in DETERMINED["runs"]
        }})),
        "cells": (*cells, cell.model_copy(update={"metrics": {**cell.metrics, **{
            name: Estimate(value=_moved(cell.metrics[name].value)) for name in DETERMINED["cells"]
        }}})),
        "summary": {**record.summary, **{
            name: Estimate(value=_moved(record.summary[name].value)) for name in DETERMINED["summary"]
        }},
    }  # fmt: skip
    path = _sign_beside(evaluated, tmp_path, record.model_copy(update=changed))
    named = " ".join(recompute_record(path, load_trust()).differing)
    assert [name for names in DETERMINED.values() for name in names if f" {name}: " not in named] == []


def _moved(number: float | None) -> float:
    """Move a number by a little, towards .5, so that it stays possible."""
    assert number is not None
    return number - 1e-5 if number > 0.5 else number + 1e-5


@pytest.mark.parametrize("shift", [-1e-4, 1e-4])
def test_an_interval_that_its_outcomes_do_not_give_is_named(shift: float, tmp_path: Path) -> None:
    """The value is right; the signer only claims to know it better, or worse, than he does."""

    def change(record: EvaluationRecord) -> EvaluationRecord:
        old = record.summary["robustness/score"]
        assert old.low is not None
        new = old.model_copy(update={"low": old.low + shift})
        return record.model_copy(update={"summary": {**record.summary, "robustness/score": new}})

    found = recompute_record(_sign_changed(tmp_path, change), load_trust())
    assert [each.split(": ")[1] for each in found.differing] == ["robustness/score (low)"]


def test_a_floor_that_the_areas_do_not_give_is_named(evaluated: Evaluated, tmp_path: Path) -> None:
    floor = {name: Estimate(value=0.001) for name in evaluated.record.floor or {}}
    path = _sign_beside(evaluated, tmp_path, evaluated.record.model_copy(update={"floor": floor}))
    found = recompute_record(path, load_trust())
    assert any(each.startswith("floor: ") for each in found.differing)


def _sign_beside(evaluated: Evaluated, folder: Path, record: EvaluationRecord) -> Path:
    """Sign a record beside copies of the files of an evaluation."""
    path = folder / evaluated.path.parent.name / evaluated.path.name
    path.parent.mkdir()
    for suffix in evaluated.record.attachments:
        shutil.copyfile(evaluated.path.with_suffix(suffix), path.with_suffix(suffix))
    write_signed(path, record)
    return path


def test_the_area_of_a_q_score_is_computed_again_from_the_scores_that_are_kept(
    evaluated: Evaluated, tmp_path: Path
) -> None:
    """It was the signer's word: it came from float64, and what was kept, in float32, has other ties."""
    path = tmp_path / evaluated.path.parent.name / evaluated.path.name
    path.parent.mkdir()
    for suffix in evaluated.record.attachments:
        shutil.copyfile(evaluated.path.with_suffix(suffix), path.with_suffix(suffix))
    first, *others = evaluated.record.runs
    changed = first.model_copy(update={"metrics": {**first.metrics, "q_score_2022/auroc": 0.123}})
    write_signed(path, evaluated.record.model_copy(update={"runs": (changed, *others)}))
    assert any("q_score_2022/auroc: 0.123" in each for each in recompute_record(path, load_trust()).differing)


def test_a_metric_with_another_version_today_is_not_compared_and_that_is_said() -> None:
    """Shipped records were made when one changed image hit nine classes: their signature holds, their rule is old."""
    found = recompute_record(OLD_RECORD, load_trust())
    assert found.holds
    assert any(line.startswith("class impact: made under version 1") for line in found.skipped)


def test_a_record_that_claims_todays_version_is_compared_under_it(tmp_path: Path) -> None:
    def change(record: EvaluationRecord) -> EvaluationRecord:
        return record.model_copy(update={"schema_version": 2, "definitions": metric_versions()})

    found = recompute_record(_sign_changed(tmp_path, change), load_trust())
    assert not found.skipped
    assert any("class_impact/" in line or "pie/" in line for line in found.differing)
