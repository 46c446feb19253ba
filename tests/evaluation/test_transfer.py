"""Transfer from end to end: another dataset in its published format, probed by the scorer, unknown to trainers."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.spec import BenchmarkSpec
from tests.conftest import Evaluated
from tests.datasets.test_published import write
from tests.executors.warm import WarmExecutor, copy_home, evaluate_warm


def test_adding_a_transfer_probe_trains_nothing_and_says_what_was_read(
    evaluated: Evaluated, tiny_spec: BenchmarkSpec, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMN_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    write("fashion_mnist", tmp_path / "data", monkeypatch)
    document = tiny_spec.model_dump(mode="json")
    document["evaluation"]["transfer"] = [{"name": "fashion_mnist", "size": 8}]
    spec, executor = BenchmarkSpec.model_validate(document), WarmExecutor()
    record, _ = evaluate_warm(spec, plain, copy_home(evaluated.root, tmp_path / "home"), executor=executor)
    assert executor.num_started == 0
    assert record.is_complete
    for run in record.runs:
        accuracy = run.metrics["transfer/accuracy:fashion_mnist"]
        assert accuracy is not None
        assert 0 <= accuracy <= 1
    assert all("transfer/accuracy" in cell.metrics for cell in record.cells)
    (task,) = record.datasets.values()
    assert set(task["transfer"]) == {"fashion_mnist"}
    assert task["transfer"]["fashion_mnist"]["num_train"] > 0
    before = {cell.schedule: cell.metrics["linear/accuracy"] for cell in evaluated.record.cells}
    assert {cell.schedule: cell.metrics["linear/accuracy"] for cell in record.cells} == before
