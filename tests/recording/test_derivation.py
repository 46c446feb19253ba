"""A derived record has the given numbers, keeps all others, and names the record that it comes from."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal

from benchmark.recording.archive import parse_record, read_record, signature_path
from benchmark.recording.derivation import Original, derive
from benchmark.recording.possible import impossible
from benchmark.scoring.metric import Estimate
from benchmark.scoring.metrics import class_impact
from benchmark.spec.canonical import canonical_json
from tests.conftest import OLD_RECORD


def test_a_derived_record_has_the_given_numbers_and_names_its_original() -> None:
    original = Original(OLD_RECORD.read_bytes(), signature_path(OLD_RECORD).read_text())
    before = read_record(OLD_RECORD)
    run, cell = before.runs[-1], before.cells[-1]
    place = run.task, run.schedule, Decimal(repr(run.sparsity))
    after = derive(
        original, {(*place, run.seed): {"linear/accuracy": 0.25, "q_score_2022/mean": math.nan}},
        {place: {"pie/published": Estimate(value=0.5)}}, {"pie_overlap/jaccard": Estimate(value=0.75)},
        when="2026-11-28T00:00:00Z", note="a test",
    )  # fmt: skip
    assert parse_record(canonical_json(after.model_dump(mode="json"))) == after
    assert after.runs[-1].metrics == {**run.metrics, "linear/accuracy": 0.25, "q_score_2022/mean": None}
    assert after.cells[-1].metrics == {**cell.metrics, "pie/published": Estimate(value=0.5)}
    assert after.summary == {**before.summary, "pie_overlap/jaccard": Estimate(value=0.75)}
    assert (after.runs[:-1], after.cells[:-1], after.isolation) == (before.runs[:-1], before.cells[:-1], "docker")
    assert not list(impossible(after))
    assert after.schema_version == 2
    assert after.derived is not None
    assert after.derived.original_sha256 == hashlib.sha256(original.content).hexdigest()
    assert after.derived.original_signature == original.signature
    assert after.derived.what == ("linear/accuracy", "pie/published", "pie_overlap/jaccard", "q_score_2022/mean")


def test_a_new_definition_replaces_what_it_retires_and_names_its_version() -> None:
    """`class_impact/paired_bh` counted gains and constants as hits; beside the new count it would be read as true."""
    original = Original(OLD_RECORD.read_bytes(), signature_path(OLD_RECORD).read_text())
    last = read_record(OLD_RECORD).cells[-1]
    place = last.task, last.schedule, Decimal(repr(last.sparsity))
    after = derive(
        original, {}, {place: {"class_impact/hit": Estimate(value=1)}}, {"pruned:class_impact/hit": Estimate(value=1)},
        when="2026-11-28T00:00:00Z", note="a test", versions={"cell/class_impact": "2"},
        columns=class_impact.METRIC.columns,
    )  # fmt: skip
    assert after.cells[-1].metrics["class_impact/hit"] == Estimate(value=1)
    assert after.definitions == {"cell/class_impact": "2"}
    names = {name for cell in after.cells for name in cell.metrics} | set(after.summary)
    assert not any(name.endswith(("paired_bh", "paired_raw", "welch_bh", "welch_raw")) for name in names)
    titles = [column.name for column in after.columns if column.name.startswith("class_impact/")]
    assert titles == [column.name for column in class_impact.METRIC.columns]
    assert "pie/published" in names
