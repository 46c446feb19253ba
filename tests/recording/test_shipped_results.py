"""What ships under `results/` is believed by the list that ships with it, whole, and small."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmark.recording.archive import outcomes_path, read_record
from benchmark.recording.record_files import record_paths
from benchmark.recording.trust import SHIPPED_LIST, load_trust
from benchmark.recording.verify import judge
from tests.conftest import ROOT

RESULTS = ROOT / "results"
RECORDS = list(record_paths(RESULTS))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shipped_record_is_signed_by_the_maintainers_and_complete(path: Path) -> None:
    verdict = judge(path, load_trust(SHIPPED_LIST))
    assert verdict.problem == ""
    assert verdict.signer.startswith("Forget-Me-Not (")
    record = read_record(path)
    assert record.is_complete
    assert path.parent.name == record.spec_identity
    assert record.derived is not None or not record.provenance["git_dirty"]


@pytest.mark.parametrize("path", [path for path in RECORDS if read_record(path).derived], ids=lambda path: path.stem)
def test_a_shipped_record_that_was_derived_names_its_original_its_code_and_what_was_left_out(path: Path) -> None:
    record = read_record(path)
    assert record.derived is not None
    assert record.definitions is not None
    assert record.definitions["keys"] == "2"
    for named in ("commit b0fb2ce", "H200", "signature is left out", "linear/confidence", "q_score_2022/score"):
        assert named in record.derived.note
    columns = pq.read_schema(outcomes_path(path)).names
    assert {"linear/prediction", "knn/prediction", "depth/pred", "depth/true", "label"} <= set(columns)
    assert not {"linear/confidence", "linear/true_probability", "q_score_2022/score"} & set(columns)
    assert outcomes_path(path).stat().st_size < 2.5e6


def test_a_fresh_clone_has_every_submission_on_its_board_with_the_same_budget_of_tuning() -> None:
    records = [read_record(path) for path in RECORDS if path.parent.name == "digits-1.0"]
    manifests = (ROOT / "submissions").glob("*/submission.yaml")
    assert sorted(record.submission.name for record in records) == sorted(
        path.parent.name for path in manifests if not path.parent.name.startswith("_")
    )
    budgets = {record.submission.name: record.tuning for record in records}
    assert budgets.pop("random_init") is None
    assert {None if tuning is None else (tuning["budget"], tuning["split"]) for tuning in budgets.values()} == {
        (8, "validation")
    }


def test_what_ships_is_small() -> None:
    """25 MB in all, so that a clone is quick."""
    assert sum(path.stat().st_size for path in RESULTS.rglob("*") if path.is_file()) < 25e6
