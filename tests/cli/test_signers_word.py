"""`fmn verify --recompute` says which numbers nobody but the signer vouches for, and what packed outcomes lack."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from benchmark.cli.recomputation import Recomputation, recomputation_table, recompute_record
from benchmark.evaluation.derived_record import numbers_again
from benchmark.recording.archive import outcomes_path, read_record
from benchmark.recording.record import EvaluationRecord
from benchmark.recording.record_files import record_paths
from benchmark.recording.trust import load_trust
from benchmark.scoring.recompute import DETERMINED_BY
from tests.conftest import ROOT, Evaluated

SHIPPED = list(record_paths(ROOT / "results"))


@pytest.mark.parametrize("path", [path for path in SHIPPED if read_record(path).derived], ids=lambda path: path.stem)
def test_a_derived_and_packed_record_says_which_columns_it_lacks_and_what_stays_the_signers_word(path: Path) -> None:
    record, found = read_record(path), recompute_record(path, load_trust())
    assert record.derived is not None
    assert found.origin == record.derived.note
    columns = set(pq.read_schema(outcomes_path(path)).names)
    assert set(found.absent) == {name for name in DETERMINED_BY if name not in columns} & _measured(record)
    shown = _shown(found)
    for column in found.absent:
        assert column in found.origin
        assert column in shown
        for number in DETERMINED_BY[column]:
            assert number in shown
            assert number in found.word or f"{number.partition('/')[0]}/*" in found.word
    assert f"the signer's word: {', '.join(found.word)}" in shown
    assert "made by" in shown


def _measured(record: EvaluationRecord) -> set[str]:
    """Name the columns that numbers of the record were made from."""
    numbers = {name for run in record.runs for name in run.metrics}
    return {column for column, mine in DETERMINED_BY.items() if numbers.intersection(mine)}


def _shown(found: Recomputation) -> str:
    console = Console(width=10_000, file=io.StringIO(), force_terminal=False)
    with console.capture() as captured:
        console.print(recomputation_table([found]))
    return captured.get()


def test_what_holds_for_many_records_is_said_once(evaluated: Evaluated) -> None:
    found = recompute_record(evaluated.path, load_trust())
    console = Console(width=10_000, file=io.StringIO(), force_terminal=False)
    with console.capture() as captured:
        console.print(recomputation_table([found] * 5))
    assert captured.get().count("the signer's word: ") == 1
    assert "and 2 more: the signer's word: " in captured.get()
    assert found.absent == ()
    assert "depth/num_probes" in found.word


def test_the_table_of_columns_says_what_each_of_them_determines(evaluated: Evaluated) -> None:
    """Corruptions are not measured by the tiny specification."""
    table = pq.read_table(outcomes_path(evaluated.path))
    whole = next(iter(numbers_again(evaluated.record, table, None).runs.values()))
    measured = DETERMINED_BY.keys() & set(table.column_names)
    assert len(measured) == len(DETERMINED_BY) - 1
    for column in measured:
        part = next(iter(numbers_again(evaluated.record, table.drop_columns([column]), None).runs.values()))
        assert whole.keys() - part.keys() == set(DETERMINED_BY[column])
